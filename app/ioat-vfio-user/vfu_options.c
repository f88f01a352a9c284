/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ioat_hw.h"
#include "vfu_options.h"

#define GB 1000000000.0

enum option_code {
	OPT_SOCKET = 256,
	OPT_DEVICE,
	OPT_FUNCTIONS,
	OPT_XFERCAP,
	OPT_HALT_WORD,
	OPT_FAULT,
	OPT_LATENCY,
	OPT_BANDWIDTH,
	OPT_STATS,
};

static const struct option options[] = {
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"device", required_argument, NULL, OPT_DEVICE},
	{"functions", required_argument, NULL, OPT_FUNCTIONS},
	{"xfercap", required_argument, NULL, OPT_XFERCAP},
	{"halt-word", required_argument, NULL, OPT_HALT_WORD},
	{"fault", required_argument, NULL, OPT_FAULT},
	{"latency", required_argument, NULL, OPT_LATENCY},
	{"bandwidth", required_argument, NULL, OPT_BANDWIDTH},
	{"stats", no_argument, NULL, OPT_STATS},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

void
vfu_options_usage(FILE *out, const char *program)
{
	fprintf(out,
	        "usage: %s --socket PATH [options]\n"
	        "Serves emulated Intel I/OAT DMA functions over the vfio-user protocol.\n\n"
	        "  --socket PATH      Unix socket of the function; PATH.0, PATH.1, ... of several\n"
	        "  --device NAME      icx (default), skx, bdx or ivb\n"
	        "  --functions N      1 to %u (default 1), a socket each\n"
	        "  --xfercap N        log2 of the bytes per descriptor, %u to %u (default: the "
	        "part's)\n"
	        "  --halt-word WHEN   a halt is written to CHANCMP: always (default), asked "
	        "(by CHANCTRL),\n"
	        "                     never\n"
	        "  --latency NS       added to each descriptor, 0 to %u (default 0)\n"
	        "  --bandwidth GBPS   of a function, up to %u, fractions allowed (default: no "
	        "limit)\n"
	        "  --fault SPEC       inject a fault after each reset; may be repeated, once a "
	        "kind:\n"
	        "                       chanerr,bit=0..27[,after=N][,again]  an error in "
	        "descriptor N\n"
	        "                       halt[,after=N][,again]               a halt without a "
	        "reason\n"
	        "                       reset[,count=N]     RESET commands that are refused\n"
	        "                       late-write[,count=N] a completion held back for N turns\n"
	        "                       lost-irq[,count=N]  interrupts that do not come\n"
	        "                       stuck[,count=N]     CHAINADDR writes that do not arm\n"
	        "  --stats            counters on SIGUSR1 and at the end\n"
	        "  -v, --verbose      clients that come and go\n"
	        "  -h, --help         this text\n",
	        program, VFU_FUNCTIONS_MAX, XFERCAP_MIN, XFERCAP_MAX, VFU_LATENCY_MAX_NS,
	        VFU_BANDWIDTH_MAX);
}

static int
parse_number(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *value,
             char err[VFU_ERROR_SIZE])
{
	unsigned long v;
	char *end = NULL;

	errno = 0;
	/* strtoul() takes signs and leading blanks; a number here starts with a digit. */
	v = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : 0;
	if (end == NULL || *end != '\0' || errno != 0 || v < min || v > max) {
		snprintf(err, VFU_ERROR_SIZE, "%s: '%.64s' is not a number from %u to %u", name,
		         text, min, max);
		return -EINVAL;
	}
	*value = (uint32_t)v;
	return 0;
}

/* ---- faults ---- */

/** What may follow the name of a kind. */
struct fault_kind {
	const char *name;
	enum ioat_model_fault_kind kind;
	bool bit;   /* bit=, mandatory */
	bool after; /* after= and again */
	bool count; /* count= */
};

static const struct fault_kind fault_kinds[] = {
	{"chanerr", IOAT_MODEL_FAULT_CHANERR, true, true, false},
	{"halt", IOAT_MODEL_FAULT_HALT, false, true, false},
	{"reset", IOAT_MODEL_FAULT_RESET, false, false, true},
	{"late-write", IOAT_MODEL_FAULT_LATE_WRITE, false, false, true},
	{"lost-irq", IOAT_MODEL_FAULT_LOST_IRQ, false, false, true},
	{"stuck", IOAT_MODEL_FAULT_STUCK, false, false, true},
};

/** One word behind the kind. */
static int
parse_fault_word(const struct fault_kind *kind, const char *word, struct vfu_fault *out,
                 char err[VFU_ERROR_SIZE])
{
	uint32_t bit;
	int rc;

	if (kind->bit && strncmp(word, "bit=", 4) == 0) {
		rc = parse_number("--fault bit", word + 4, 0, 27, &bit, err);
		if (rc == 0)
			out->fault.chanerr = 1u << bit;
		return rc;
	}
	if (kind->after && strncmp(word, "after=", 6) == 0)
		return parse_number("--fault after", word + 6, 0, UINT32_MAX, &out->fault.after,
		                    err);
	if (kind->count && strncmp(word, "count=", 6) == 0)
		return parse_number("--fault count", word + 6, 1, UINT32_MAX, &out->fault.count,
		                    err);
	if (kind->after && strcmp(word, "again") == 0) {
		out->again = true;
		return 0;
	}
	snprintf(err, VFU_ERROR_SIZE, "--fault: '%.64s' does not belong to '%s', which takes %s",
	         word, kind->name,
	         kind->bit     ? "bit=, after=, again"
	         : kind->after ? "after=, again"
	                       : "count=");
	return -EINVAL;
}

static const struct fault_kind *
find_fault_kind(const char *name, char err[VFU_ERROR_SIZE])
{
	size_t i;

	for (i = 0; i < sizeof(fault_kinds) / sizeof(fault_kinds[0]); i++) {
		if (strcmp(name, fault_kinds[i].name) == 0)
			return &fault_kinds[i];
	}
	snprintf(err, VFU_ERROR_SIZE,
	         "--fault: '%.64s' is none of chanerr, halt, reset, late-write, lost-irq, stuck",
	         name);
	return NULL;
}

static int
parse_fault(struct vfu_func_conf *conf, const char *spec, char err[VFU_ERROR_SIZE])
{
	const struct fault_kind *kind;
	struct vfu_fault fault = {.fault = {.count = 1}};
	char text[128], *word, *rest = NULL;
	unsigned int i;

	snprintf(text, sizeof(text), "%s", spec);
	word = strtok_r(text, ",", &rest);
	kind = find_fault_kind(word != NULL ? word : "", err);
	if (kind == NULL)
		return -EINVAL;
	fault.fault.kind = kind->kind;
	while ((word = strtok_r(NULL, ",", &rest)) != NULL) {
		if (parse_fault_word(kind, word, &fault, err) < 0)
			return -EINVAL;
	}
	if (kind->bit && fault.fault.chanerr == 0) {
		snprintf(err, VFU_ERROR_SIZE, "--fault: %s needs bit=0..27", kind->name);
		return -EINVAL;
	}
	for (i = 0; i < conf->faults; i++) {
		if (conf->fault[i].fault.kind == kind->kind) {
			snprintf(err, VFU_ERROR_SIZE, "--fault: %s is given twice", kind->name);
			return -EINVAL;
		}
	}
	conf->fault[conf->faults++] = fault; /* each kind once, so there is room */
	return 0;
}

/* ---- options ---- */

static int
parse_bandwidth(const char *text, uint64_t *bytes, char err[VFU_ERROR_SIZE])
{
	char *end = NULL;
	double v = isdigit((unsigned char)text[0]) ? strtod(text, &end) : 0;

	if (end == NULL || *end != '\0' || !(v >= 0.001 && v <= VFU_BANDWIDTH_MAX)) {
		snprintf(err, VFU_ERROR_SIZE,
		         "--bandwidth: '%.64s' is not a number of GB/s from 0.001 to %u", text,
		         VFU_BANDWIDTH_MAX);
		return -EINVAL;
	}
	*bytes = (uint64_t)(v * GB);
	return 0;
}

static int
parse_device(const char *text, enum ioat_model_device *device, char err[VFU_ERROR_SIZE])
{
	if (ioat_model_device_by_name(text, device) == 0)
		return 0;
	snprintf(err, VFU_ERROR_SIZE, "--device: '%.64s' is none of icx, skx, bdx, ivb", text);
	return -EINVAL;
}

static int
parse_halt_word(const char *text, enum ioat_model_halt_word *halt_word, char err[VFU_ERROR_SIZE])
{
	if (ioat_model_halt_word_by_name(text, halt_word) == 0)
		return 0;
	snprintf(err, VFU_ERROR_SIZE, "--halt-word: '%.64s' is none of always, asked, never", text);
	return -EINVAL;
}

static int
parse_option(struct vfu_options *opts, int code, const char *arg, char err[VFU_ERROR_SIZE])
{
	uint32_t ns = 0;
	int rc = 0;

	switch (code) {
	case OPT_SOCKET:
		opts->socket = arg;
		break;
	case OPT_DEVICE:
		return parse_device(arg, &opts->func.device, err);
	case OPT_FUNCTIONS:
		return parse_number("--functions", arg, 1, VFU_FUNCTIONS_MAX, &opts->functions,
		                    err);
	case OPT_XFERCAP:
		return parse_number("--xfercap", arg, XFERCAP_MIN, XFERCAP_MAX, &opts->func.xfercap,
		                    err);
	case OPT_HALT_WORD:
		return parse_halt_word(arg, &opts->func.halt_word, err);
	case OPT_FAULT:
		return parse_fault(&opts->func, arg, err);
	case OPT_LATENCY:
		rc = parse_number("--latency", arg, 0, VFU_LATENCY_MAX_NS, &ns, err);
		opts->func.latency_ns = ns;
		break;
	case OPT_BANDWIDTH:
		return parse_bandwidth(arg, &opts->func.bytes_per_second, err);
	case OPT_STATS:
		opts->stats = true;
		break;
	case 'v':
		opts->verbose = true;
		break;
	default:
		rc = -EINVAL;
		break;
	}
	return rc;
}

int
vfu_options_parse(struct vfu_options *opts, int argc, char **argv, char err[VFU_ERROR_SIZE])
{
	int code;

	*opts = (struct vfu_options){.functions = 1, .func = {.device = IOAT_MODEL_ICX}};
	optind = 0; /* start anew: tests call this many times */
	opterr = 0;
	while ((code = getopt_long(argc, argv, ":hv", options, NULL)) != -1) {
		if (code == 'h')
			return VFU_OPTIONS_HELP;
		if (code == '?' || code == ':') {
			snprintf(err, VFU_ERROR_SIZE, "%.64s: %s", argv[optind - 1],
			         code == '?' ? "no such option, or an argument too many"
			                     : "its argument is missing");
			return -EINVAL;
		}
		if (parse_option(opts, code, optarg, err) < 0)
			return -EINVAL;
	}
	if (optind < argc) {
		snprintf(err, VFU_ERROR_SIZE, "'%.64s' is no option", argv[optind]);
		return -EINVAL;
	}
	if (opts->socket == NULL || opts->socket[0] == '\0') {
		snprintf(err, VFU_ERROR_SIZE, "--socket is missing: the path to listen at");
		return -EINVAL;
	}
	return VFU_OPTIONS_RUN;
}
