/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

enum {
	OPT_IDLE_EXIT = 256,
	OPT_MAC_UPDATING,
	OPT_NO_MAC_UPDATING,
	OPT_END,
};

static const char short_options[] = ":p:q:b:s:c:i:f:h";

static const struct option long_options[] = {
	{"portmask", required_argument, NULL, 'p'},
	{"nb-queue", required_argument, NULL, 'q'},
	{"dma-batch-size", required_argument, NULL, 'b'},
	{"ring-size", required_argument, NULL, 's'},
	{"copy-type", required_argument, NULL, 'c'},
	{"stats-interval", required_argument, NULL, 'i'},
	{"max-frame-size", required_argument, NULL, 'f'},
	{"idle-exit", required_argument, NULL, OPT_IDLE_EXIT},
	{"mac-updating", no_argument, NULL, OPT_MAC_UPDATING},
	{"no-mac-updating", no_argument, NULL, OPT_NO_MAC_UPDATING},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Options whose value is a decimal number. */
static const struct number_option {
	int opt;
	uint32_t min, max;
	bool power_of_2;
	const char *unit;
} number_options[] = {
	{'q', 1, CONFIG_MAX_QUEUES, false, " queues"},
	{'b', 1, CONFIG_MAX_BATCH, false, " operations"},
	{'s', CONFIG_MIN_RING, CONFIG_MAX_RING, true, ""},
	{'i', 0, CONFIG_MAX_SECONDS, false, " seconds"},
	{'f', CONFIG_MIN_FRAME, CONFIG_MAX_FRAME, false, " bytes"},
	{OPT_IDLE_EXIT, 0, CONFIG_MAX_SECONDS, false, " seconds"},
};

static int __attribute__((format(printf, 2, 3)))
config_error(char err[CONFIG_ERROR_SIZE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, CONFIG_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* "-q/--nb-queue" for messages; the long name alone when there is no short one. */
static const char *
config_option_name(int opt, char *buf, size_t size)
{
	const struct option *lo;

	for (lo = long_options; lo->name != NULL; lo++) {
		if (lo->val != opt)
			continue;
		if (opt < OPT_IDLE_EXIT)
			snprintf(buf, size, "-%c/--%s", opt, lo->name);
		else
			snprintf(buf, size, "--%s", lo->name);
		return buf;
	}
	snprintf(buf, size, "-%c", opt);
	return buf;
}

/* What an option takes, for messages. */
static const char *
config_legal(int opt, char *buf, size_t size)
{
	if (opt == 'p')
		snprintf(buf, size, "a hexadecimal mask of ports, 1 to ffffffffffffffff");
	if (opt == 'c')
		snprintf(buf, size, "hw or sw");
	for (size_t i = 0; i < RTE_DIM(number_options); i++) {
		const struct number_option *no = &number_options[i];

		if (no->opt == opt)
			snprintf(buf, size, "%s%" PRIu32 " to %" PRIu32 "%s",
			         no->power_of_2 ? "a power of two from " : "", no->min, no->max,
			         no->unit);
	}
	return buf;
}

#define SHOWN_MAX 40 /* characters of a text that a message repeats */

struct shown {
	char text[SHOWN_MAX * 4 + sizeof("...")]; /* a character of UTF-8 has at most 4 bytes */
};

static bool
config_is_inside_char(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* A user's text for a message of one line: not too long, whole characters, none that controls. */
static const char *
config_show(struct shown *shown, const char *text)
{
	size_t chars = 0, n = 0;

	for (; *text != '\0' && n < SHOWN_MAX * 4; text++) {
		if (!config_is_inside_char(*text) && chars++ == SHOWN_MAX)
			break;
		shown->text[n++] = iscntrl((unsigned char)*text) ? '?' : *text;
	}
	strcpy(&shown->text[n], *text != '\0' ? "..." : "");
	return shown->text;
}

static int
config_bad_value(int opt, const char *text, char err[CONFIG_ERROR_SIZE])
{
	char name[32], legal[80];
	struct shown shown;

	return config_error(err, "option %s: bad value '%s', legal: %s",
	                    config_option_name(opt, name, sizeof(name)), config_show(&shown, text),
	                    config_legal(opt, legal, sizeof(legal)));
}

static int
config_number(int opt, const char *text, uint32_t *value, char err[CONFIG_ERROR_SIZE])
{
	const struct number_option *no = number_options;
	unsigned long v;
	char *end;

	while (no->opt != opt)
		no++;
	errno = 0;
	/* strtoul() takes signs and leading blanks; a number here starts with a digit. */
	v = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : ULONG_MAX;
	if (v < no->min || v > no->max || errno != 0 || *end != '\0' ||
	    (no->power_of_2 && (v & (v - 1)) != 0))
		return config_bad_value(opt, text, err);
	*value = (uint32_t)v;
	return 0;
}

static int
config_portmask(const char *text, uint64_t *mask, char err[CONFIG_ERROR_SIZE])
{
	const char *digits = text;
	char *end;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		digits += 2;
	errno = 0;
	*mask = isxdigit((unsigned char)digits[0]) ? strtoull(digits, &end, 16) : 0;
	if (*mask == 0 || errno != 0 || *end != '\0')
		return config_bad_value('p', text, err);
	return 0;
}

static int
config_copy_type(const char *text, enum copy_type *type, char err[CONFIG_ERROR_SIZE])
{
	if (strcmp(text, "hw") == 0)
		*type = COPY_TYPE_HW;
	else if (strcmp(text, "sw") == 0)
		*type = COPY_TYPE_SW;
	else
		return config_bad_value('c', text, err);
	return 0;
}

/* Store the value of one option that is known and has its argument. */
static int
config_apply(struct config *cfg, int opt, const char *text, char err[CONFIG_ERROR_SIZE])
{
	uint32_t v = 0;
	int rc;

	if (opt == 'p')
		return config_portmask(text, &cfg->portmask, err);
	if (opt == 'c')
		return config_copy_type(text, &cfg->copy_type, err);
	if (opt == OPT_MAC_UPDATING || opt == OPT_NO_MAC_UPDATING) {
		cfg->mac_updating = opt == OPT_MAC_UPDATING;
		return 0;
	}
	rc = config_number(opt, text, &v, err);
	if (rc < 0)
		return rc;
	switch (opt) {
	case 'q':
		cfg->nb_queues = (uint16_t)v;
		break;
	case 'b':
		cfg->batch_size = (uint16_t)v;
		break;
	case 's':
		cfg->ring_size = (uint16_t)v;
		break;
	case 'i':
		cfg->stats_interval = v;
		break;
	case 'f':
		cfg->max_frame = v;
		break;
	default:
		cfg->idle_exit = v;
		break;
	}
	return 0;
}

/* Each option counts once; the two forms of mac-updating are one option. */
static int
config_once(bool seen[OPT_END], int opt, char err[CONFIG_ERROR_SIZE])
{
	int key = opt == OPT_NO_MAC_UPDATING ? OPT_MAC_UPDATING : opt;
	char name[32];

	if (seen[key] && key == OPT_MAC_UPDATING)
		return config_error(err, "option --[no-]mac-updating: given more than once");
	if (seen[key])
		return config_error(err, "option %s: given more than once",
		                    config_option_name(opt, name, sizeof(name)));
	seen[key] = true;
	return 0;
}

static int
config_check(const struct config *cfg, char err[CONFIG_ERROR_SIZE])
{
	uint32_t ring = cfg->ring_size != 0 ? cfg->ring_size : CONFIG_DEFAULT_RING;

	if (cfg->batch_size > ring)
		return config_error(err,
		                    "option -b/--dma-batch-size: bad value '%u', legal with "
		                    "a ring of %u: 1 to %u",
		                    cfg->batch_size, ring, ring);
	return 0;
}

/* getopt_long() has found something in the word @p arg that is no option with its value. */
static int
config_bad_option(int opt, const char *arg, char err[CONFIG_ERROR_SIZE])
{
	char name[32], legal[80];
	struct shown shown;
	bool is_long = strncmp(arg, "--", 2) == 0;

	if (opt == ':')
		return config_error(err, "option %s: value missing, legal: %s",
		                    config_option_name(optopt, name, sizeof(name)),
		                    config_legal(optopt, legal, sizeof(legal)));
	if (optopt != 0 && is_long)
		return config_error(err, "option %s: takes no value",
		                    config_option_name(optopt, name, sizeof(name)));
	/* One letter may be unknown among several; one of many bytes is shown with its word. */
	if (optopt > 0 && optopt < 0x80 && !iscntrl(optopt))
		return config_error(err, "unknown option '-%c', -h lists the legal ones", optopt);
	return config_error(err, "unknown or ambiguous option '%s', -h lists the legal ones",
	                    config_show(&shown, arg));
}

int
config_parse(struct config *cfg, int argc, char **argv, char err[CONFIG_ERROR_SIZE])
{
	bool seen[OPT_END] = {false};
	struct shown shown;
	int opt, rc, word;

	*cfg = (struct config){
		.copy_type = COPY_TYPE_HW,
		.mac_updating = true,
		.nb_queues = 1,
		.batch_size = CONFIG_DEFAULT_BATCH,
		.stats_interval = CONFIG_DEFAULT_INTERVAL,
	};
	opterr = 0;
	optind = 0; /* a full reset, EAL uses getopt too */
	/* An unknown letter may leave getopt_long() in the midst of its word, or behind it. */
	while (word = optind == 0 ? 1 : optind,
	       (opt = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (opt == 'h')
			return CONFIG_HELP;
		if (opt == ':' || opt == '?')
			return config_bad_option(opt, argv[optind > word ? optind - 1 : word], err);
		rc = config_once(seen, opt, err);
		if (rc == 0)
			rc = config_apply(cfg, opt, optarg, err);
		if (rc < 0)
			return rc;
	}
	if (optind < argc)
		return config_error(err, "unexpected argument '%s', -h lists the legal options",
		                    config_show(&shown, argv[optind]));
	rc = config_check(cfg, err);
	return rc < 0 ? rc : CONFIG_RUN;
}

int
config_separator(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		;
	return i;
}

int
config_check_eal(int argc, char **argv, int separator, int taken, char err[CONFIG_ERROR_SIZE])
{
	int end = separator < argc ? separator : argc - 1; /* the last word for EAL to take */
	struct shown shown;

	if (taken < end)
		return config_error(err,
		                    "unexpected argument '%s' among the EAL options, -h lists "
		                    "the legal ones",
		                    config_show(&shown, argv[taken + 1]));
	if (taken > end)
		return config_error(err,
		                    "the option before the \"--\" lacks its value and took the "
		                    "\"--\" for it");
	return 0;
}

int
config_check_ports(struct config *cfg, uint64_t present, char err[CONFIG_ERROR_SIZE])
{
	if (present == 0) {
		config_error(err, "no Ethernet port: bind one, or add one such as "
		                  "--vdev=net_tap0 before the \"--\"");
		return -ENODEV;
	}
	if ((cfg->portmask & ~present) != 0)
		return config_error(err,
		                    "option -p/--portmask: bad value '%" PRIx64
		                    "', legal: bits of %" PRIx64 " (the ports present)",
		                    cfg->portmask, present);
	if (cfg->portmask == 0)
		cfg->portmask = present;
	return 0;
}

void
config_usage(FILE *out, const char *program)
{
	fprintf(out,
	        "usage: %s [EAL options] -- [options]\n"
	        "Forward packets between port pairs, their data copied by DMA devices.\n"
	        "  -p, --portmask MASK        hexadecimal mask of the ports to use (all)\n"
	        "  -q, --nb-queue N           receive queues per port, 1 to %u (1)\n"
	        "  -b, --dma-batch-size N     DMA operations per submit, 1 to %u (%u)\n"
	        "  -s, --ring-size N          DMA ring size and packets a queue may hold,\n"
	        "                             a power of two from %u to %u (%u)\n"
	        "  -c, --copy-type sw|hw      copy by CPU or by DMA device (hw)\n"
	        "  -i, --stats-interval SEC   seconds between tables, 0 to %u (0: final one only)\n"
	        "  -f, --max-frame-size BYTES longest frame with CRC, %u to %u (port's own)\n"
	        "      --[no-]mac-updating    source: address of the sending port, destination:\n"
	        "                             02:00:00:00:00:PORT (on)\n"
	        "      --idle-exit SEC        end after SEC seconds without a packet, 0 to %u\n"
	        "                             (0: never)\n"
	        "  -h, --help                 this text\n",
	        program, CONFIG_MAX_QUEUES, CONFIG_MAX_BATCH, CONFIG_DEFAULT_BATCH, CONFIG_MIN_RING,
	        CONFIG_MAX_RING, CONFIG_DEFAULT_RING, CONFIG_MAX_SECONDS, CONFIG_MIN_FRAME,
	        CONFIG_MAX_FRAME, CONFIG_MAX_SECONDS);
}
