/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * The watchdog: what the completion word does not say is found in CHANSTS within the stated bound,
 * and nothing is read otherwise. The linker leads clock_gettime() here (-Wl,--wrap), so that time
 * stands still unless a test lets it pass.
 */

#include <errno.h>
#include <time.h>

#include "test.h"

#include "rig.h"

#define SLOTS 64
#define OK    RTE_DMA_STATUS_SUCCESSFUL

/* As doc/driver.md states them. */
#define CALLS 128u
#define US    100u

static uint64_t now_us = 1000;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

int
__wrap_clock_gettime(clockid_t clock __rte_unused, struct timespec *ts)
{
	ts->tv_sec = (time_t)(now_us / 1000000);
	ts->tv_nsec = (long)(now_us % 1000000) * 1000;
	return 0;
}

/* Ask for completions until there is one, n times at most. @return the calls that took. */
static unsigned int
ask(struct rig *r, unsigned int n, enum rte_dma_status_code *st, uint16_t *got)
{
	unsigned int calls = 0;
	uint16_t last;

	do {
		*got = rig_status(r, SLOTS, &last, st);
		calls++;
	} while (*got == 0 && calls < n);
	return calls;
}

/* n calls of both kinds that find nothing. */
static void
ask_in_vain(struct rig *r, unsigned int n)
{
	enum rte_dma_status_code st[SLOTS];
	uint16_t last;
	unsigned int i;
	bool error;

	for (i = 0; i < n; i++) {
		if (i % 2 == 0) {
			CHECK_INT(rig_status(r, SLOTS, &last, st), ==, 0);
		} else {
			CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, 0);
			CHECK(!error);
		}
	}
}

TEST(traffic_that_goes_on_reads_no_register)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	uint64_t reads = r->reads;
	unsigned int round, n, i;
	uint16_t last;
	bool error;

	for (round = 0; round < 5000; round++) {
		n = 1 + round % (SLOTS - 1);
		for (i = 0; i < n; i++)
			CHECK_INT(rig_copy(r, 0, 4096, 64, 0), >=, 0);
		rig_submit(r);
		ask_in_vain(r, round % 8);
		now_us += 50;
		rig_run(r);
		CHECK_INT(rig_completed(r, SLOTS, &last, &error), ==, n);
		CHECK(!error);
	}
	CHECK_INT(r->reads, ==, reads);
	CHECK_INT(r->ch.watch_looks, ==, 0);
	rig_close(r);
}

TEST(idle_channel_is_never_read_however_long_it_is_asked)
{
	struct rig *r = rig_open(IOAT_MODEL_IVB, SLOTS);
	enum rte_dma_status_code st[SLOTS];
	uint64_t reads = r->reads;
	uint16_t got;
	int i;

	for (i = 0; i < 1000; i++, now_us += 1000)
		ask_in_vain(r, 300);
	/* Nor is one that has work enqueued, but not submitted. */
	CHECK_INT(rig_copy(r, 0, 4096, 64, 0), ==, 0);
	for (i = 0; i < 1000; i++, now_us += 1000)
		ask_in_vain(r, 300);
	CHECK_INT(r->reads, ==, reads);
	rig_submit(r);
	rig_run(r);
	CHECK_INT(ask(r, 1, st, &got), ==, 1);
	CHECK_INT(got, ==, 1);
	rig_close(r);
}

TEST(halt_that_was_not_written_is_found_after_100_us_within_128_calls_and_not_before)
{
	struct rig *r = rig_open(IOAT_MODEL_IVB, SLOTS);
	enum rte_dma_status_code st[SLOTS];
	uint64_t reads;
	uint16_t got;

	rig_copy_bad(r, RTE_DMA_OP_FLAG_SUBMIT);
	rig_run(r);
	CHECK_INT(*r->ch.status & CHANSTS_STATE, !=, IOAT_STATE_HALTED);
	reads = r->reads;
	ask_in_vain(r, CALLS); /* the last one looks at the clock */
	now_us += US - 1;
	ask_in_vain(r, 50 * CALLS);
	CHECK_INT(r->reads, ==, reads);
	now_us += 1;
	CHECK_INT(ask(r, CALLS, st, &got), <=, CALLS);
	CHECK_INT(got, ==, 1);
	CHECK_INT(st[0], ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	CHECK_INT(r->ch.watch_looks, ==, 1);
	CHECK_INT(r->ch.watch_hits, ==, 1);
	CHECK_INT(r->ch.recoveries, ==, 1);
	rig_close(r);
}

TEST(time_alone_does_not_have_a_register_read)
{
	struct rig *r = rig_open(IOAT_MODEL_IVB, SLOTS);
	uint64_t reads;

	rig_copy_bad(r, RTE_DMA_OP_FLAG_SUBMIT);
	rig_run(r);
	reads = r->reads;
	ask_in_vain(r, CALLS);
	now_us += 1000000;
	ask_in_vain(r, CALLS - 1);
	CHECK_INT(r->reads, ==, reads);
	rig_close(r);
}

TEST(operation_that_takes_long_is_looked_at_once_per_100_us_at_most_and_left_alone)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	const unsigned int rounds = 25000;
	enum rte_dma_status_code st[SLOTS];
	uint64_t reads = r->reads;
	unsigned int i;
	uint16_t got;

	CHECK_INT(rig_copy(r, 0, RIG_ARENA / 2, RIG_ARENA / 2, RTE_DMA_OP_FLAG_SUBMIT), ==, 0);
	rig_step(r, 8192); /* it is in the middle of it from now on */
	for (i = 0; i < rounds; i++, now_us++)
		ask_in_vain(r, 4);
	CHECK_INT(r->ch.watch_looks, <=, rounds / US);
	CHECK_INT(r->ch.watch_looks, >, rounds / US / 4);
	CHECK_INT(r->reads - reads, ==, 2 * r->ch.watch_looks); /* CHANSTS in two halves */
	CHECK_INT(r->ch.watch_hits, ==, 0);
	CHECK_INT(r->ch.recoveries, ==, 0);
	rig_run(r);
	CHECK_INT(ask(r, 1, st, &got), ==, 1);
	CHECK_INT(st[0], ==, OK);
	rig_close(r);
}

TEST(slow_progress_is_progress_and_reads_no_register)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[SLOTS];
	uint64_t reads = r->reads;
	uint16_t got;
	int i;

	/* One operation is always outstanding, and the oldest ends every 60 us. */
	rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT);
	for (i = 0; i < 1000; i++) {
		rig_copy(r, 0, 4096, 64, RTE_DMA_OP_FLAG_SUBMIT);
		ask_in_vain(r, 2 * CALLS);
		now_us += 60;
		rig_step(r, 64 + 64);
		CHECK_INT(ask(r, 1, st, &got), ==, 1);
		CHECK_INT(got, ==, 1);
	}
	CHECK_INT(r->reads, ==, reads);
	rig_close(r);
}

TEST(completion_that_was_not_written_is_found_in_chansts)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[SLOTS];
	unsigned int i;
	uint16_t got;

	for (i = 0; i < 5; i++)
		rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	rig_run(r);
	*r->ch.status = 0; /* as if the write had been lost */
	ask_in_vain(r, CALLS);
	now_us += US;
	CHECK_INT(ask(r, CALLS, st, &got), <=, CALLS);
	CHECK_INT(got, ==, 5);
	for (i = 0; i < got; i++)
		CHECK_INT(st[i], ==, OK);
	CHECK_INT(r->ch.watch_hits, ==, 1);
	CHECK_INT(r->ch.recoveries, ==, 0);
	rig_close(r);
}

TEST(halt_is_found_by_the_next_call_where_the_status_of_the_channel_was_asked_for)
{
	struct rig *r = rig_open(IOAT_MODEL_IVB, SLOTS);
	enum rte_dma_status_code st[SLOTS];
	uint16_t got;

	rig_copy_bad(r, RTE_DMA_OP_FLAG_SUBMIT);
	rig_run(r);
	ask_in_vain(r, 1);
	ioat_ring_ask(&r->ch);
	CHECK_INT(ask(r, 1, st, &got), ==, 1);
	CHECK_INT(got, ==, 1);
	CHECK_INT(st[0], ==, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	rig_close(r);
}

static unsigned int gone_reads;

static uint64_t
gone_read(void *ctx __rte_unused, uint32_t offset __rte_unused, unsigned int width)
{
	gone_reads++;
	return UINT64_MAX >> (64 - 8 * width);
}

static void
gone_write(void *ctx __rte_unused, uint32_t offset __rte_unused, unsigned int width __rte_unused,
           uint64_t value __rte_unused)
{
}

TEST(device_that_vanishes_is_found_and_each_operation_reported_once)
{
	static const struct ioat_mmio_ops gone = {.read = gone_read, .write = gone_write};
	struct rig *r = rig_open(IOAT_MODEL_ICX, SLOTS);
	enum rte_dma_status_code st[SLOTS];
	unsigned int i;
	uint16_t got;

	for (i = 0; i < 3; i++)
		rig_copy(r, 0, 4096, 64, 0);
	rig_submit(r);
	rig_copy(r, 0, 4096, 64, 0); /* enqueued, not submitted */
	r->ch.regs.ops = &gone;
	ask_in_vain(r, CALLS);
	now_us += US;
	CHECK_INT(ask(r, CALLS, st, &got), <=, CALLS);
	CHECK_INT(got, ==, 4);
	for (i = 0; i < got; i++)
		CHECK_INT(st[i], ==, RTE_DMA_STATUS_DEV_LINK_ERROR);
	CHECK_INT(rig_copy(r, 0, 4096, 64, 0), ==, -EIO);
	CHECK_INT(rig_submit(r), ==, -EIO);
	gone_reads = 0;
	for (i = 0; i < 100; i++, now_us += 1000)
		ask_in_vain(r, 2 * CALLS);
	CHECK_INT(gone_reads, ==, 0);
	CHECK_INT(r->ch.completed, ==, r->ch.submitted);
	rig_close(r);
}

TEST_MAIN("driver_watch")
