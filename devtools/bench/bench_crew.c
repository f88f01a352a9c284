/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_pause.h>

#include "bench_crew.h"

#define CLOCK_ROUNDS 5000u

struct bench_crew {
	unsigned int n;
	_Atomic uint32_t ready;
	_Atomic int rc;
};

static cpu_set_t any;

int
bench_crew_cpus(int cpu[2])
{
	unsigned int found = 0;
	cpu_set_t may;
	int i;

	if (sched_getaffinity(0, sizeof(may), &may) < 0)
		return -errno;
	for (i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET(i, &may))
			cpu[found++] = i;
	if (found == 2)
		return 0;
	fprintf(stderr, "two processors are needed, %u may be used; taskset says which\n", found);
	return -ENODEV;
}

void
bench_crew_any(const int cpu[2])
{
	CPU_ZERO(&any);
	CPU_SET(cpu[0], &any);
	CPU_SET(cpu[1], &any);
}

bool
bench_crew_going(struct bench_crew *crew)
{
	return atomic_load_explicit(&crew->rc, memory_order_relaxed) == 0;
}

struct bench_switches
bench_switches_now(void)
{
	struct rusage use;

	getrusage(RUSAGE_THREAD, &use);
	return (struct bench_switches){.own = (uint64_t)use.ru_nvcsw,
	                               .forced = (uint64_t)use.ru_nivcsw};
}

static int
idle_us(const int cpu[2], int64_t *us)
{
	long user, nice, system, idle, iowait;
	FILE *f = fopen("/proc/stat", "r");
	unsigned int found = 0;
	char line[512];
	int number;

	if (f == NULL)
		return -errno;
	*us = 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "cpu%d %ld %ld %ld %ld %ld", &number, &user, &nice, &system, &idle,
		           &iowait) != 6 ||
		    (number != cpu[0] && number != cpu[1]))
			continue;
		*us += (idle + iowait) * 1000000 / sysconf(_SC_CLK_TCK);
		found++;
	}
	fclose(f);
	return found == 2 ? 0 : -ENOTSUP;
}

static int64_t
clock_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int
bench_others_us(const int cpu[2], int64_t *us)
{
	int64_t idle;
	int rc = idle_us(cpu, &idle);

	*us = 2 * clock_us(CLOCK_MONOTONIC) - clock_us(CLOCK_PROCESS_CPUTIME_ID) - idle;
	return rc;
}

uint64_t
bench_cycles(double us)
{
	return (uint64_t)(us * (double)rte_get_tsc_hz() / 1e6);
}

double
bench_us(uint64_t cycles)
{
	return (double)cycles * 1e6 / (double)rte_get_tsc_hz();
}

void
bench_until(uint64_t stamp)
{
	while (bench_stamp() < stamp)
		rte_pause();
}

int
bench_crew_await(struct bench_crew *crew, _Atomic uint32_t *word, uint32_t value)
{
	uint64_t end = bench_stamp() + bench_cycles(BENCH_PATIENCE_US);

	while (atomic_load_explicit(word, memory_order_acquire) != value) {
		if (!bench_crew_going(crew))
			return -ECANCELED;
		if (bench_stamp() > end)
			return -ETIMEDOUT;
		rte_pause();
	}
	return 0;
}

/* All begin when the last one is there; those of one processor cannot poll for each other. */
static int
assemble(struct bench_crew *crew)
{
	uint64_t end = bench_stamp() + bench_cycles(BENCH_PATIENCE_US);

	atomic_fetch_add_explicit(&crew->ready, 1, memory_order_acq_rel);
	while (atomic_load_explicit(&crew->ready, memory_order_acquire) != crew->n) {
		if (!bench_crew_going(crew))
			return -ECANCELED;
		if (bench_stamp() > end)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

static void
fail(struct bench_crew *crew, int rc)
{
	int none = 0;

	atomic_compare_exchange_strong(&crew->rc, &none, rc);
}

static void *
serve(void *arg)
{
	struct bench_member *m = arg;
	struct bench_switches before;
	int rc, cpu;

	rc = assemble(m->crew);
	before = bench_switches_now();
	cpu = sched_getcpu();
	m->begin = bench_stamp();
	if (rc == 0)
		rc = m->work(m->crew, m->arg);
	m->end = bench_stamp();
	m->forced = bench_switches_now().forced - before.forced;
	if (m->cpu != BENCH_CPU_ANY && cpu != m->cpu)
		rc = -EXDEV;
	if (rc < 0)
		fail(m->crew, rc);
	return NULL;
}

static int
start(struct bench_member *m, pthread_t *thread)
{
	cpu_set_t one = any;
	pthread_attr_t attr;
	int rc;

	if (m->cpu != BENCH_CPU_ANY) {
		CPU_ZERO(&one);
		CPU_SET(m->cpu, &one);
	}
	rc = pthread_attr_init(&attr);
	if (rc != 0)
		return -rc;
	rc = pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
	if (rc == 0)
		rc = pthread_create(thread, &attr, serve, m);
	pthread_attr_destroy(&attr);
	return -rc;
}

int
bench_crew_run(struct bench_member *members, unsigned int n)
{
	struct bench_crew crew = {.n = n};
	pthread_t threads[BENCH_CREW_MAX];
	unsigned int i, started = 0;
	int rc = n <= BENCH_CREW_MAX ? 0 : -E2BIG;

	for (i = 0; rc == 0 && i < n; i++) {
		members[i].crew = &crew;
		rc = start(&members[i], &threads[i]);
		if (rc == 0)
			started++;
	}
	if (rc < 0)
		fail(&crew, rc);
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return atomic_load(&crew.rc);
}

bool
bench_crew_clean(const struct bench_member *members, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (members[i].forced != 0)
			return false;
	return true;
}

/* --- clocks */

struct court {
	_Atomic uint32_t ball __rte_cache_aligned;
	uint64_t thrown __rte_cache_aligned;
	int64_t least[2];
};

static void
note_way(struct court *c, unsigned int way)
{
	int64_t took = (int64_t)(bench_stamp() - c->thrown);

	c->least[way] = RTE_MIN(c->least[way], took);
}

static int
throw_first(struct bench_crew *crew, void *arg)
{
	struct court *c = arg;
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < 2 * CLOCK_ROUNDS; i += 2) {
		c->thrown = bench_stamp();
		atomic_store_explicit(&c->ball, i + 1, memory_order_release);
		rc = bench_crew_await(crew, &c->ball, i + 2);
		note_way(c, 1);
	}
	return rc;
}

static int
throw_back(struct bench_crew *crew, void *arg)
{
	struct court *c = arg;
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < 2 * CLOCK_ROUNDS; i += 2) {
		rc = bench_crew_await(crew, &c->ball, i + 1);
		note_way(c, 0);
		c->thrown = bench_stamp();
		atomic_store_explicit(&c->ball, i + 2, memory_order_release);
	}
	return rc;
}

int
bench_crew_clocks(const int cpu[2], int64_t least[2])
{
	struct court court = {.least = {INT64_MAX, INT64_MAX}};
	struct bench_member members[2] = {
		{.work = throw_first, .arg = &court, .cpu = cpu[0]},
		{.work = throw_back, .arg = &court, .cpu = cpu[1]},
	};
	int rc = bench_crew_run(members, 2);

	if (rc < 0)
		return rc;
	least[0] = court.least[0];
	least[1] = court.least[1];
	return least[0] > 0 && least[1] > 0 ? 0 : -ERANGE;
}
