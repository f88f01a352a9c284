/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Cycles per operation of the completion port and of what else an application could use: issue a
 * burst, take what came of it, in one thread. Prints records as CSV, for devtools/bench-port to
 * make tables of. In each run all subjects of a burst take turns within some ten microseconds, so
 * that they meet the machine in the same state.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_eal.h>

#include "bench_ideal.h"
#include "bench_options.h"
#include "bench_peer.h"

#define CASES_MAX 4u
#define WHO_MAX   4u
#define TURN_US   10u  /* how long one subject goes on, about */
#define CHECKS    100u /* bursts before anything is measured */

/** One who takes part in a figure. */
struct subject {
	const struct bench_peer *peer;
	void *state;
	struct bench_ideal *device;
	unsigned int rounds[CASES_MAX]; /* bursts in one turn */
};

/** What is compared. */
struct figure {
	const char *name;
	const char *needs; /* at build time; without it there are no subjects */
	uint16_t bursts[CASES_MAX];
	struct subject *subjects;
	bool open;
	bool missing; /* something it needs is not there at run time */
};

static struct subject event_subjects[WHO_MAX] = {
#ifdef BENCH_EVENT
	{.peer = &bench_peer_port},
	{.peer = &bench_peer_event},
	{.peer = &bench_peer_event_best},
#endif
};

static struct subject uring_subjects[WHO_MAX] = {
#ifdef BENCH_URING
	{.peer = &bench_peer_port},
	{.peer = &bench_peer_nop},
	{.peer = &bench_peer_nop_default},
	{.peer = &bench_peer_port_ring},
#endif
};

static struct figure figures[] = {
	{.name = "F2",
         .needs = "the event DMA adapter, of DPDK 23.11 or later",
         .bursts = {8, 32},
         .subjects = event_subjects},
	{.name = "F3", .needs = "liburing", .bursts = {1, 8, 32, 128}, .subjects = uring_subjects},
};

/* The last burst, whose contexts are never used again. */
static uint64_t first_ctx, ctx[BENCH_PEER_BURST];

static inline int
burst(struct subject *s, uint16_t n)
{
	first_ctx += BENCH_PEER_BURST;
	return s->peer->burst(s->state, n, first_ctx, ctx);
}

/* What came back is what was sent, in that order. */
static int
check_ctx(uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		if (ctx[i] != first_ctx + i)
			return -EBADMSG;
	return 0;
}

/* Bursts of each size; how long they take says how many make a turn. */
static int
check(struct subject *s, const struct figure *f)
{
	uint64_t turn = rte_get_tsc_hz() / 1000000 * TURN_US, least, from;
	unsigned int ops = 0;
	int rc;

	for (unsigned int c = 0; c < CASES_MAX && f->bursts[c] != 0; c++) {
		least = UINT64_MAX;
		for (unsigned int i = 0; i < CHECKS; i++) {
			from = rte_rdtsc_precise();
			rc = burst(s, f->bursts[c]);
			least = RTE_MIN(least, rte_rdtsc_precise() - from);
			if (rc == 0)
				rc = check_ctx(f->bursts[c]);
			if (rc < 0)
				return rc;
			ops += f->bursts[c];
		}
		s->rounds[c] = (unsigned int)RTE_MAX(turn / RTE_MAX(least, 1u), 1u);
	}
	printf("checked,%s,%s,%u\n", f->name, s->peer->who, ops);
	return 0;
}

/* One turn. The first burst finds the caches as the subject before has left them: it is not timed.
 * @return as bench_peer.burst; -EBADMSG.
 */
static int
measure(struct subject *s, uint16_t n, unsigned int rounds, double *cycles)
{
	uint64_t from;
	int rc = burst(s, n);

	from = rte_rdtsc_precise();
	for (unsigned int i = 0; i < rounds && rc == 0; i++)
		rc = burst(s, n);
	*cycles = (double)(rte_rdtsc_precise() - from) / rounds / n;
	/* One too many or too few in any burst shifts those after it. */
	return rc == 0 ? check_ctx(n) : rc;
}

/* All bursts of a figure once; who is first changes from run to run. */
static int
run_figure(struct figure *f, unsigned int run)
{
	double cycles[WHO_MAX];
	unsigned int who = 0, turn;
	int rc;

	while (who < WHO_MAX && f->subjects[who].peer != NULL)
		who++;
	for (unsigned int c = 0; c < CASES_MAX && f->bursts[c] != 0; c++) {
		for (unsigned int i = 0; i < who; i++) {
			struct subject *s = &f->subjects[turn = (run + i) % who];

			rc = measure(s, f->bursts[c], s->rounds[c], &cycles[turn]);
			if (rc < 0) {
				fprintf(stderr, "bench-port-peers: %s of %u: %s\n", s->peer->who,
				        f->bursts[c], strerror(-rc));
				return rc;
			}
		}
		for (unsigned int i = 0; i < who; i++)
			bench_record(f->name, f->bursts[c], f->subjects[i].peer->who, run,
			             cycles[i]);
	}
	return 0;
}

static int
run_all(unsigned int run)
{
	int rc = 0;

	for (unsigned int i = 0; i < RTE_DIM(figures) && rc == 0; i++)
		if (figures[i].open && !figures[i].missing)
			rc = run_figure(&figures[i], run);
	return rc;
}

/* --- subjects */

/* Call act for all subjects of figures that are open. @return 0; the first error. */
static int
each_subject(int (*act)(struct subject *s, struct figure *f))
{
	int rc = 0, done;

	for (unsigned int i = 0; i < RTE_DIM(figures); i++) {
		for (unsigned int who = 0; who < WHO_MAX && figures[i].open; who++) {
			struct subject *s = &figures[i].subjects[who];

			if (s->peer == NULL)
				break;
			done = act(s, &figures[i]);
			if (done < 0)
				fprintf(stderr, "bench-port-peers: %s of %s: %s\n", s->peer->who,
				        figures[i].name, strerror(-done));
			rc = rc < 0 ? rc : done;
		}
	}
	return rc;
}

static int
open_device(struct subject *s, struct figure *f)
{
	char name[64];
	int rc;

	if (!s->peer->on_device)
		return 0;
	snprintf(name, sizeof(name), "bench_%s_%s", f->name, s->peer->who);
	rc = bench_ideal_open(&s->device, name, BENCH_PEER_DEPTH, BENCH_IDEAL_AT_SUBMIT);
	return rc == 0 ? bench_ideal_check(s->device) : rc;
}

static int
open_subject(struct subject *s, struct figure *f)
{
	int rc = s->peer->open(&s->state, s->device != NULL ? bench_ideal_id(s->device) : -1);

	if (rc == -ENOTSUP && !f->missing) {
		f->missing = true;
		printf("skipped,%s,%s cannot be used on this machine\n", f->name, s->peer->who);
	}
	if (rc == -ENOTSUP)
		return 0;
	return rc == 0 ? check(s, f) : rc;
}

static int
close_subject(struct subject *s, struct figure *f)
{
	int rc = s->state != NULL ? s->peer->close(s->state) : 0;

	RTE_SET_USED(f);
	/* Not before the peer is gone; where it is not, nobody may touch its device. */
	return rc == 0 ? bench_ideal_close(s->device) : rc;
}

/* @param wanted  bit i: figures[i] is */
static int
open_all(uint32_t wanted)
{
	int rc;

	for (unsigned int i = 0; i < RTE_DIM(figures); i++) {
		if ((wanted & RTE_BIT32(i)) == 0)
			continue;
		figures[i].open = figures[i].subjects[0].peer != NULL;
		if (!figures[i].open)
			printf("skipped,%s,built without %s\n", figures[i].name, figures[i].needs);
	}
	/* First all devices: the event DMA adapter reserves room for those that there are, and
	 * looks at all that there will be.
	 */
	rc = each_subject(open_device);
	return rc == 0 ? each_subject(open_subject) : rc;
}

int
main(int argc, char **argv)
{
	static const char *names[RTE_DIM(figures)];
	const struct bench_program program = {
		.name = "bench-port-peers",
		.figures = names,
		.nb_figures = RTE_DIM(figures),
	};
	struct bench_options opt;
	int used, rc, closed;

	used = rte_eal_init(argc, argv);
	if (used < 0)
		return 1;
	for (unsigned int i = 0; i < RTE_DIM(figures); i++)
		names[i] = figures[i].name;
	rc = bench_options_parse(argc - used, argv + used, &program, &opt);
	if (rc == 0) {
		bench_record_build();
		rc = open_all(opt.figures);
		for (unsigned int run = 0; run < opt.runs && rc == 0; run++)
			rc = run_all(run);
		closed = each_subject(close_subject);
		rc = rc < 0 ? rc : closed;
	}
	rte_eal_cleanup();
	return rc < 0;
}
