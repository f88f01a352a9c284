/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "getter.h"

#include <errno.h>
#include <unistd.h>

#include "test.h"

#include "rig.h"

static _Atomic uint32_t working;
_Atomic uint32_t getter_peak;

static void
getter_process(struct getter *g, struct dcp_worker *w)
{
	uint32_t now = atomic_fetch_add(&working, 1) + 1, old = atomic_load(&getter_peak);
	uint32_t n = atomic_fetch_add(&g->records, 1) + 1;

	while (now > old && !atomic_compare_exchange_weak(&getter_peak, &old, now))
		;
	if (atomic_load(&g->block)) {
		dcp_block(w, true);
		atomic_fetch_sub(&working, 1);
		rig_wait_for(&g->gate, n);
		dcp_block(w, false);
		return;
	}
	rig_wait_for(&g->gate, n);
	atomic_fetch_sub(&working, 1);
}

static void *
getter_main(void *arg)
{
	struct getter *g = arg;
	struct dcp_worker *w = rig_worker(g->port, g->flags);
	struct dcp_cpl cpl;

	g->tid = gettid();
	atomic_store(&g->ready, 1);
	for (;;) {
		g->rc = dcp_get(w, &cpl, 1, g->timeout_ns);
		if (g->rc == -ETIMEDOUT) {
			rig_wait_for(&g->gate, atomic_fetch_add(&g->timeouts, 1) + 1);
			continue;
		}
		if (g->rc != 1)
			break;
		atomic_store(&g->last_ctx, cpl.ctx);
		getter_process(g, w);
	}
	dcp_worker_del(w);
	return NULL;
}

struct getter *
getter_start(struct dcp_port *port, uint64_t timeout_ns, uint32_t gate)
{
	struct getter *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	g->port = port;
	g->timeout_ns = timeout_ns;
	atomic_store(&g->gate, gate);
	assert_int_equal(pthread_create(&g->thread, NULL, getter_main, g), 0);
	rig_wait_for(&g->ready, 1);
	return g;
}

void
getter_join(struct getter *g)
{
	atomic_store(&g->gate, UINT32_MAX);
	pthread_join(g->thread, NULL);
	CHECK_INT(g->rc, ==, -ESHUTDOWN);
	free(g);
}

struct dcp_port *
limited_port(uint16_t max_running, uint32_t nap_us)
{
	struct dcp_conf conf = rig_conf();
	struct dcp_port *port;

	conf.max_running = max_running;
	conf.nap_us = nap_us;
	port = dcp_create(&conf);
	assert_non_null(port);
	return port;
}

uint64_t
stat_of(struct dcp_port *port, size_t offset)
{
	struct dcp_stats st;

	CHECK_INT(dcp_stats(port, DCP_CHAN_ALL, &st), ==, 0);
	return *(uint64_t *)((char *)&st + offset);
}
