/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "poller.h"
#include "test.h"

#include "ioat_priv.h"

#define BURST  32
#define MIN    1500 /* more than a descriptor moves, with xfercap=12 in four pieces */
#define WAIT_S 60
/* A thread without a processor for so long is taken for one that is gone. */
#define AWAY_US 900000

static int
enqueue(const struct poller *p, unsigned int k)
{
	uint64_t src = (uintptr_t)p->mem, dst = src + POLLER_ROOM / 2;
	uint64_t flags = k % 5 == 0 ? RTE_DMA_OP_FLAG_FENCE : 0;
	struct rte_dma_sge from[2] = {{src, 100}, {src + 4096, 60}};
	struct rte_dma_sge to[2] = {{dst, 50}, {dst + 4096, 110}};

	switch (k % 7) {
	case 0:
		return rte_dma_copy(p->id, 0, src, dst, 10 * MIN, flags);
	case 1:
		return rte_dma_copy_sg(p->id, 0, from, to, 2, 2, flags);
	case 2:
		return rte_dma_fill(p->id, 0, k, dst, MIN, flags);
	default:
		return rte_dma_copy(p->id, 0, src, dst, 64, flags);
	}
}

void
poller_take(struct poller *p)
{
	enum rte_dma_status_code status[2 * BURST];
	bool error = false;
	uint16_t last, n, i;

	p->good += rte_dma_completed(p->id, 0, 2 * BURST, &last, &error);
	if (!error && p->rounds % 16 != 0)
		return;
	n = rte_dma_completed_status(p->id, 0, 2 * BURST, &last, status);
	for (i = 0; i < n; i++)
		if (status[i] == RTE_DMA_STATUS_SUCCESSFUL)
			p->good++;
		else
			p->bad++;
}

static void *
poller_main(void *arg)
{
	struct poller *p = arg;
	uint64_t before = ioat_chan_now_us(), now;
	unsigned int k = 0;
	int i, rc;

	for (; !atomic_load(&p->stop); before = now) {
		for (i = 0, rc = 0; i < BURST && rc >= 0; i++) {
			rc = enqueue(p, k++);
			p->enqueued += rc >= 0;
		}
		rte_dma_submit(p->id, 0);
		poller_take(p);
		if (rc < 0 && rc != -ENOSPC)
			atomic_fetch_add(&p->refused, 1);
		atomic_fetch_add(&p->rounds, 1);
		atomic_fetch_add(&p->served, p->good > 0);
		now = ioat_chan_now_us();
		p->away_us = RTE_MAX(p->away_us, now - before);
	}
	return NULL;
}

void
poller_thread(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	rte_cpuset_t any;
	int i;

	CHECK_INT(pthread_create(thread, NULL, run, arg), ==, 0);
	CPU_ZERO(&any);
	for (i = 0; i < CPU_SETSIZE; i++)
		CPU_SET(i, &any);
	/* It would share the processor of the main lcore, which created it. */
	CHECK_INT(pthread_setaffinity_np(*thread, sizeof(any), &any), ==, 0);
}

void
poller_start(struct poller *p, int16_t id)
{
	p->id = id;
	atomic_store(&p->stop, false);
	atomic_store(&p->rounds, 0);
	atomic_store(&p->served, 0);
	atomic_store(&p->refused, 0);
	p->enqueued = p->good = p->bad = p->away_us = 0;
	poller_thread(&p->thread, poller_main, p);
}

static void
await_above(const atomic_uint *count, unsigned int bound)
{
	uint64_t end = rte_get_timer_cycles() + WAIT_S * rte_get_timer_hz();

	while (atomic_load(count) <= bound) {
		CHECK(rte_get_timer_cycles() < end);
		rte_delay_us_sleep(100);
	}
}

void
poller_await_rounds(struct poller *p, unsigned int n)
{
	await_above(&p->rounds, atomic_load(&p->rounds) + n);
}

void
poller_await_service(struct poller *p)
{
	await_above(&p->served, 0);
}

void
poller_await_refusal(struct poller *p)
{
	await_above(&p->refused, 0);
}

void
poller_end(struct poller *p)
{
	atomic_store(&p->stop, true);
	pthread_join(p->thread, NULL);
}

void
poller_check(const struct poller *p)
{
	if (p->away_us < AWAY_US)
		CHECK_INT(p->good + p->bad, ==, p->enqueued);
	else
		print_message("# the poller had no processor for %llu us\n",
		              (unsigned long long)p->away_us);
	CHECK_INT(p->good + p->bad, <=, p->enqueued);
	CHECK_INT(p->good, >, 0);
}
