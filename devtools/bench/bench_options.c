/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_version.h>

#include "bench_options.h"

#ifdef __clang__
#define COMPILER "clang " RTE_STR(__clang_major__) "." RTE_STR(__clang_minor__)
#else
#define COMPILER "gcc " RTE_STR(__GNUC__) "." RTE_STR(__GNUC_MINOR__)
#endif

static void
print_figures(FILE *f, const struct bench_program *p)
{
	unsigned int i;

	for (i = 0; i < p->nb_figures; i++)
		fprintf(f, "%s%s", i == 0 ? "" : ",", p->figures[i]);
}

static void
usage(const struct bench_program *p)
{
	printf("usage: %s [EAL options] -- [options]\n"
	       "\n"
	       "  -f, --figures F[,F...]  what to measure; all: ",
	       p->name);
	print_figures(stdout, p);
	printf("\n  -r, --runs N            measurements of each, 1 to %u (100)\n", BENCH_RUNS_MAX);
	if (p->can_count)
		printf("  -c, --count             one call of each, in dumps for callgrind\n");
	printf("  -h, --help              this text\n");
}

static int
parse_runs(const struct bench_program *p, const char *text, unsigned int *runs)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < 1 || value > BENCH_RUNS_MAX) {
		fprintf(stderr, "%s: runs '%s': legal is 1 to %u\n", p->name, text, BENCH_RUNS_MAX);
		return -EINVAL;
	}
	*runs = (unsigned int)value;
	return 0;
}

static int
parse_figures(const struct bench_program *p, char *text, uint32_t *figures)
{
	char *word, *rest = NULL;
	unsigned int i;

	*figures = 0;
	for (word = strtok_r(text, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
		for (i = 0; i < p->nb_figures; i++)
			if (strcmp(word, p->figures[i]) == 0)
				break;
		if (i == p->nb_figures)
			break;
		*figures |= RTE_BIT32(i);
	}
	if (word == NULL && *figures != 0)
		return 0;
	fprintf(stderr, "%s: figure '%s': legal are ", p->name, word == NULL ? "" : word);
	print_figures(stderr, p);
	fprintf(stderr, "\n");
	return -EINVAL;
}

int
bench_options_parse(int argc, char **argv, const struct bench_program *p, struct bench_options *opt)
{
	static const struct option longs[] = {
		{"figures", required_argument, NULL, 'f'},
		{"runs", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{"count", no_argument, NULL, 'c'},
		{NULL, 0, NULL, 0},
	};
	int c, rc = 0;

	*opt = (struct bench_options){.runs = 100, .figures = UINT32_MAX};
	optind = 1; /* EAL has used getopt, too */
	while (rc == 0 && (c = getopt_long(argc, argv, "f:r:hc", longs, NULL)) != -1) {
		if (c == 'f') {
			rc = parse_figures(p, optarg, &opt->figures);
		} else if (c == 'r') {
			rc = parse_runs(p, optarg, &opt->runs);
		} else if (c == 'h') {
			usage(p);
			return 1;
		} else if (c == 'c' && p->can_count) {
			opt->count = true;
		} else {
			fprintf(stderr, "%s: -h lists the options\n", p->name);
			return -EINVAL;
		}
	}
	if (rc == 0 && optind < argc) {
		fprintf(stderr, "%s: '%s' is no option; -h lists them\n", p->name, argv[optind]);
		return -EINVAL;
	}
	return rc;
}

void
bench_record(const char *figure, unsigned int which, const char *who, unsigned int run,
             double value)
{
	printf("%s,%u,%s,%u,%.3f\n", figure, which, who, run, value);
}

void
bench_record_build(void)
{
	printf("build,%s,%s\n", COMPILER, rte_version());
}
