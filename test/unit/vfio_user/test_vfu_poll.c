/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Drivers that look at a register so many times, and no longer: FreeBSD's attach reads CHANSTS 100
 * times for its first NULL descriptor. The number must do whatever the engine thread gets of the
 * processors.
 */

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

#define POLLS     100u
#define ROUNDS    1000u
#define SLOTS     256u /* descriptors until the channel is armed again */
#define CTRL_NULL (DESC_CTRL_NULL | DESC_CTRL_COMPL)

/** The thread of the engine ends: it is never scheduled again. */
static void
retire_engine(struct vfu_func *func)
{
	vfu_func_lock(func);
	func->stop = true;
	pthread_cond_signal(&func->work);
	vfu_func_unlock(func);
	CHECK_INT(pthread_join(func->thread, NULL), ==, 0);
	func->has_thread = false;
}

/** Ring and read CHANSTS POLLS times at most. @return its state at the last time. */
static enum ioat_state
ring_and_poll(struct rig *r, uint16_t count)
{
	enum ioat_state state = IOAT_STATE_ACTIVE;
	unsigned int i;

	rig_write(r, BAR, CHAN(IOAT_DMACOUNT), count, 2);
	for (i = 0; i < POLLS && state == IOAT_STATE_ACTIVE; i++)
		state = (enum ioat_state)(rig_read(r, BAR, CHAN(IOAT_CHANSTS), 8) & CHANSTS_STATE);
	return state;
}

static uint64_t
completion(struct rig *r)
{
	uint64_t word;

	memcpy(&word, rig_at(r, CMP), sizeof(word));
	return word;
}

static void
open_without_engine(struct rig *r, const struct vfu_func_conf *conf)
{
	rig_open_ready(r, conf);
	retire_engine(r->func);
	rig_arm(r);
}

TEST(reads_of_a_register_alone_finish_the_work)
{
	struct rig r;
	unsigned int i;

	open_without_engine(&r, NULL);
	rig_copy_desc(&r, 0, 0, 0, 8, CTRL_NULL);
	CHECK_INT(ring_and_poll(&r, 1), ==, IOAT_STATE_DONE);
	CHECK_INT(completion(&r), ==, RING | IOAT_STATE_DONE);
	memset(rig_at(&r, SRC), 0x5a, 0x40000);
	for (i = 1; i <= 20; i++) /* 5 MiB, more than one turn moves */
		rig_copy_desc(&r, i, SRC, DST, 0x40000, DESC_CTRL_COMPL);
	CHECK_INT(ring_and_poll(&r, 21), ==, IOAT_STATE_DONE);
	CHECK_MEM(rig_at(&r, DST), rig_at(&r, SRC), 0x40000);
	rig_close(&r);
}

TEST(one_read_does_no_more_than_a_turn)
{
	struct vfu_func_stats stats;
	struct rig r;

	open_without_engine(&r, NULL);
	rig_copy_desc(&r, 0, SRC, DST, 0x60000, 0);
	rig_write(&r, BAR, CHAN(IOAT_DMACOUNT), 1, 2);
	CHECK_INT(rig_read(&r, CFG, 0, 2), ==, 0x8086); /* this one nothing */
	vfu_func_stats(r.func, &stats);
	CHECK_INT(stats.count.bytes, ==, 0);
	rig_read(&r, BAR, CHAN(IOAT_CHANERR), 4);
	vfu_func_stats(r.func, &stats);
	CHECK_INT(stats.count.bytes, >, 0);
	CHECK_INT(stats.count.bytes, <=, VFU_TURN);
	rig_close(&r);
}

TEST(work_that_shall_take_its_time_is_not_hastened_by_reads)
{
	struct vfu_func_conf slow = {.device = IOAT_MODEL_ICX, .latency_ns = 1};
	struct rig r;

	open_without_engine(&r, &slow);
	rig_copy_desc(&r, 0, 0, 0, 8, CTRL_NULL);
	CHECK_INT(ring_and_poll(&r, 1), ==, IOAT_STATE_ACTIVE);
	rig_close(&r);
	slow = (struct vfu_func_conf){.device = IOAT_MODEL_ICX, .bytes_per_second = 1ull << 40};
	open_without_engine(&r, &slow);
	rig_copy_desc(&r, 0, 0, 0, 8, CTRL_NULL);
	CHECK_INT(ring_and_poll(&r, 1), ==, IOAT_STATE_ACTIVE);
	rig_close(&r);
}

/* The client could not answer: it waits for what it read. */
TEST(memory_behind_messages_is_not_asked_for_by_a_read)
{
	struct rig r;

	open_without_engine(&r, NULL);
	CHECK_INT(rig_map(&r, 0x40000000, 4096, VFU_MAP_READ, -1, 0), ==, 0);
	rig_copy_desc(&r, 0, 0x40000000, DST, 64, 0);
	CHECK_INT(ring_and_poll(&r, 1), ==, IOAT_STATE_ACTIVE);
	CHECK_INT(r.dma_reads, ==, 0);
	rig_close(&r);
}

TEST(completion_that_is_held_back_waits_for_turns_and_not_for_reads)
{
	struct vfu_func_conf conf = {
		.device = IOAT_MODEL_ICX,
		.fault = {{{IOAT_MODEL_FAULT_LATE_WRITE, 0, 0, 3}, false}},
		.faults = 1,
	};
	uint64_t before;
	struct rig r;
	int i;

	open_without_engine(&r, &conf);
	before = completion(&r);
	rig_copy_desc(&r, 0, 0, 0, 8, CTRL_NULL);
	CHECK_INT(ring_and_poll(&r, 1), ==, IOAT_STATE_DONE);
	for (i = 0; i < 10; i++)
		rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8);
	CHECK_INT(completion(&r), ==, before);
	vfu_func_lock(r.func);
	for (i = 0; i < 3; i++)
		CHECK_INT(ioat_model_step(r.func->model, 0, VFU_TURN), >, 0);
	vfu_func_unlock(r.func);
	CHECK_INT(completion(&r), ==, RING | IOAT_STATE_DONE);
	rig_close(&r);
}

/* ---- the same with an engine that has to share ---- */

#define LOAD_MAX     64
#define LOAD_SECONDS 100 /* they end by themselves if the test does not end them */

struct load {
	atomic_bool end;
	pthread_t thread[LOAD_MAX];
	int threads;
};

static void *
be_busy(void *arg)
{
	struct load *load = arg;
	time_t until = time(NULL) + LOAD_SECONDS;

	while (!atomic_load_explicit(&load->end, memory_order_relaxed) && time(NULL) < until)
		;
	return NULL;
}

static void
load_start(struct load *load)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*load = (struct load){0};
	for (; load->threads < LOAD_MAX && load->threads < 4 * cpus; load->threads++)
		CHECK_INT(pthread_create(&load->thread[load->threads], NULL, be_busy, load), ==, 0);
}

static void
load_end(struct load *load)
{
	int i;

	atomic_store(&load->end, true);
	for (i = 0; i < load->threads; i++)
		pthread_join(load->thread[i], NULL);
}

TEST(hundred_polls_see_the_completion_a_thousand_times_under_load)
{
	static const struct sched_param none;
	enum ioat_state last = IOAT_STATE_DONE;
	struct load load;
	unsigned int i;
	struct rig r;

	rig_open_ready(&r, NULL);
	/* The engine gets what is left over, which is little beside busy threads. */
	CHECK_INT(pthread_setschedparam(r.func->thread, SCHED_IDLE, &none), ==, 0);
	load_start(&load);
	for (i = 0; i < ROUNDS && last == IOAT_STATE_DONE; i++) {
		if (i % SLOTS == 0)
			rig_arm(&r);
		rig_copy_desc(&r, i % SLOTS, 0, 0, 8, CTRL_NULL);
		last = ring_and_poll(&r, (uint16_t)(i % SLOTS + 1));
	}
	load_end(&load);
	CHECK_INT(last, ==, IOAT_STATE_DONE);
	rig_close(&r);
}

TEST_MAIN("vfu_poll")
