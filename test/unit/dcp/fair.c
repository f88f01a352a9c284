/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "fair.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>

#define NS_PER_S UINT64_C(1000000000)
#define LOOK_NS  (NS_PER_S / 10)

bool
fair_wants_processor(pid_t tid)
{
	char path[64], line[512] = "";
	const char *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	f = fopen(path, "r");
	if (f == NULL)
		return false; /* it has ended */
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	/* Behind the name, which may contain anything. */
	state = strrchr(line, ')');
	return state != NULL && strncmp(state, ") R", 3) == 0;
}

/* Processors that the threads beside this one could use now. */
static unsigned int
count_wanted(void)
{
	unsigned int n = 0, processors;
	const struct dirent *e;
	cpu_set_t all;
	DIR *tasks;

	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return 0;
	tasks = opendir("/proc/self/task");
	if (tasks == NULL)
		return 0;
	processors = (unsigned int)CPU_COUNT(&all);
	while ((e = readdir(tasks)) != NULL) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10); /* 0: no thread */

		n += tid != 0 && tid != gettid() && fair_wants_processor(tid);
	}
	closedir(tasks);
	return RTE_MIN(n, processors);
}

static uint64_t
now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* The part of a time that counts. Where nobody wants a processor, all: they sleep, or are lost. */
static uint64_t
fair_part(uint64_t passed, uint64_t given, unsigned int wanted)
{
	if (wanted == 0 || given >= passed * wanted)
		return passed;
	return given / wanted;
}

void
fair_start(struct fair_clock *c)
{
	c->ns = 0;
	c->last = now_ns(CLOCK_MONOTONIC);
	c->given = now_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t
fair_now(struct fair_clock *c)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC), given;

	if (now - c->last < LOOK_NS)
		return c->ns;
	given = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	c->ns += fair_part(now - c->last, given - c->given, count_wanted());
	c->last = now;
	c->given = given;
	return c->ns;
}
