/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * The adapter and the scheduler are services. The calling thread runs them itself, in the order
 * that takes the fewest calls, so that all that an operation costs is in the figure.
 */

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_dmadev.h>
#include <rte_event_dma_adapter.h>
#include <rte_eventdev.h>
#include <rte_malloc.h>
#include <rte_service.h>
#include <rte_version.h>

#include "bench_peer.h"

#define MAX_NB 128 /* of the adapter, its default */

enum side {
	APP, /* its port reads the queue of what is done */
	DMA, /* the adapter's port reads the queue of requests */
	SIDES
};

/** How the event device is set up. */
struct event_mode {
	const char *name;
	struct rte_event_queue_conf queue; /* of what is done */
	uint32_t port_cfg;
	bool forward; /* what came back is forwarded as the next requests */
	uint8_t adapter;
};

struct event_peer {
	const struct event_mode *mode;
	int16_t dma_id;
	bool have_scheduler, have_adapter;
	uint8_t id;                  /* of the event device */
	uint32_t scheduler, adapter; /* services */
	uint16_t held;               /* events that came back and were not sent again */
	uint64_t issued;
	uint8_t *ops; /* BENCH_PEER_BURST of them */
	struct rte_event events[BENCH_PEER_BURST];
};

/* --- the operation, which DPDK 24.07 made one piece, and 25.07 one of dmadev */

#if RTE_VERSION >= RTE_VERSION_NUM(24, 7, 0, 0)

#if RTE_VERSION >= RTE_VERSION_NUM(25, 7, 0, 0)
typedef struct rte_dma_op event_op;
#else
typedef struct rte_event_dma_adapter_op event_op;
#endif

#define OP_BYTES (sizeof(event_op) + 2 * sizeof(struct rte_dma_sge))

static void
op_init(void *at, int16_t dma_id, struct rte_event answer)
{
	event_op *op = at;

	op->nb_src = 1;
	op->nb_dst = 1;
	op->dma_dev_id = dma_id;
	op->event_meta = answer.event;
}

static inline void
op_set(void *at, uint64_t ctx, rte_iova_t src, rte_iova_t dst)
{
	event_op *op = at;

	op->flags = RTE_DMA_OP_FLAG_SUBMIT; /* the adapter never rings the doorbell */
	op->user_meta = ctx;
	op->src_dst_seg[0].addr = src;
	op->src_dst_seg[0].length = BENCH_PEER_LENGTH;
	op->src_dst_seg[1].addr = dst;
	op->src_dst_seg[1].length = BENCH_PEER_LENGTH;
}

static inline uint64_t
op_ctx(const void *at)
{
	return ((const event_op *)at)->user_meta;
}

#else

struct event_op {
	struct rte_event_dma_adapter_op op;
	struct rte_event answer; /* where the adapter looks for it */
	struct rte_dma_sge src, dst;
	uint64_t ctx;
};

static_assert(offsetof(struct event_op, answer) == sizeof(struct rte_event_dma_adapter_op),
              "no gap");

#define OP_BYTES sizeof(struct event_op)

static void
op_init(void *at, int16_t dma_id, struct rte_event answer)
{
	struct event_op *op = at;

	op->op.src_seg = &op->src;
	op->op.dst_seg = &op->dst;
	op->op.nb_src = 1;
	op->op.nb_dst = 1;
	op->op.dma_dev_id = dma_id;
	op->answer = answer;
}

static inline void
op_set(void *at, uint64_t ctx, rte_iova_t src, rte_iova_t dst)
{
	struct event_op *op = at;

	op->op.flags = RTE_DMA_OP_FLAG_SUBMIT; /* the adapter never rings the doorbell */
	op->ctx = ctx;
	op->src.addr = src;
	op->src.length = BENCH_PEER_LENGTH;
	op->dst.addr = dst;
	op->dst.length = BENCH_PEER_LENGTH;
}

static inline uint64_t
op_ctx(const void *at)
{
	return ((const struct event_op *)at)->ctx;
}

#endif

#define OP_STRIDE RTE_ALIGN_CEIL(OP_BYTES, RTE_CACHE_LINE_SIZE)

/* --- set up */

static int
ports_setup(struct event_peer *p, const struct rte_event_dev_config *conf)
{
	const struct rte_event_port_conf port = {
		.new_event_threshold = conf->nb_events_limit,
		.dequeue_depth = (uint16_t)conf->nb_event_port_dequeue_depth,
		.enqueue_depth = (uint16_t)conf->nb_event_port_enqueue_depth,
		.event_port_cfg = p->mode->port_cfg,
	};
	const struct rte_event_queue_conf requests = {
		.event_queue_cfg = RTE_EVENT_QUEUE_CFG_SINGLE_LINK,
	};
	int rc = 0;

	for (uint8_t i = 0; i < SIDES && rc == 0; i++) {
		rc = rte_event_queue_setup(p->id, i, i == APP ? &p->mode->queue : &requests);
		if (rc == 0)
			rc = rte_event_port_setup(p->id, i, &port);
		if (rc == 0 && rte_event_port_link(p->id, i, &i, NULL, 1) != 1)
			rc = -EIO;
	}
	return rc;
}

/* sw_start() wants its service on, which wants a core of its own unless told not to. */
static int
service_on(uint32_t id)
{
	int rc = rte_service_set_runstate_mapped_check(id, 0);

	return rc == 0 ? rte_service_runstate_set(id, 1) : rc;
}

static int
scheduler_open(struct event_peer *p)
{
	struct rte_event_dev_config conf = {
		.nb_event_queues = SIDES,
		.nb_event_ports = SIDES,
		.nb_single_link_event_port_queues = SIDES,
	};
	struct rte_event_dev_info info;
	int rc;

	if (rte_eal_hotplug_add("vdev", p->mode->name, "") < 0)
		return -ENOTSUP;
	p->have_scheduler = true;
	rc = rte_event_dev_get_dev_id(p->mode->name);
	if (rc < 0)
		return rc;
	p->id = (uint8_t)rc;
	rc = rte_event_dev_info_get(p->id, &info);
	if (rc < 0)
		return rc;
	conf.dequeue_timeout_ns = info.min_dequeue_timeout_ns;
	conf.nb_events_limit = info.max_num_events;
	conf.nb_event_queue_flows = info.max_event_queue_flows;
	conf.nb_event_port_dequeue_depth = info.max_event_port_dequeue_depth;
	conf.nb_event_port_enqueue_depth = info.max_event_port_enqueue_depth;
	rc = rte_event_dev_configure(p->id, &conf);
	if (rc == 0)
		rc = ports_setup(p, &conf);
	if (rc == 0)
		rc = rte_event_dev_service_id_get(p->id, &p->scheduler);
	if (rc == 0)
		rc = service_on(p->scheduler);
	return rc;
}

static int
adapter_conf(uint8_t id, uint8_t evdev_id, struct rte_event_dma_adapter_conf *conf, void *arg)
{
	RTE_SET_USED(id);
	RTE_SET_USED(evdev_id);
	RTE_SET_USED(arg);
	conf->event_port_id = DMA;
	conf->max_nb = MAX_NB;
	return 0;
}

static int
adapter_open(struct event_peer *p)
{
	int rc;

	/* No argument for the callback: rte_event_dma_adapter_free() frees it. */
	rc = rte_event_dma_adapter_create_ext(p->mode->adapter, p->id, adapter_conf,
	                                      RTE_EVENT_DMA_ADAPTER_OP_FORWARD, NULL);
	if (rc < 0)
		return rc;
	p->have_adapter = true;
	rc = rte_event_dma_adapter_vchan_add(p->mode->adapter, p->dma_id, 0, NULL);
	if (rc == 0)
		rc = rte_event_dma_adapter_service_id_get(p->mode->adapter, &p->adapter);
	if (rc == 0)
		rc = rte_event_dev_start(p->id);
	if (rc == 0)
		rc = rte_event_dma_adapter_start(p->mode->adapter);
	return rc == 0 ? service_on(p->adapter) : rc;
}

static int
ops_open(struct event_peer *p)
{
	const struct rte_event answer = {
		.queue_id = APP,
		.sched_type = p->mode->queue.schedule_type,
		.event_type = RTE_EVENT_TYPE_DMADEV,
		.op = p->mode->forward ? RTE_EVENT_OP_FORWARD : RTE_EVENT_OP_NEW,
	};

	p->ops = rte_zmalloc(NULL, BENCH_PEER_BURST * OP_STRIDE, RTE_CACHE_LINE_SIZE);
	if (p->ops == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < BENCH_PEER_BURST; i++)
		op_init(p->ops + i * OP_STRIDE, p->dma_id, answer);
	return 0;
}

/* --- run */

static int
event_send(struct event_peer *p, uint16_t n)
{
	unsigned int sent = 0, tries = 0;

	while (sent < n && tries++ < BENCH_PEER_TRIES)
		sent += rte_event_enqueue_burst(p->id, APP, p->events + sent, (uint16_t)(n - sent));
	return sent == n ? 0 : -ENOSPC;
}

static int
event_request(struct event_peer *p, uint16_t n, uint64_t first)
{
	for (uint16_t i = 0; i < n; i++) {
		uint8_t *op = p->ops + i * OP_STRIDE;

		op_set(op, first + i, BENCH_PEER_SRC + i * BENCH_PEER_LENGTH,
		       BENCH_PEER_DST + i * BENCH_PEER_LENGTH);
		p->events[i] = (struct rte_event){
			.queue_id = DMA,
			.sched_type = RTE_SCHED_TYPE_ATOMIC,
			.event_type = RTE_EVENT_TYPE_DMADEV,
			.op = i < p->held ? RTE_EVENT_OP_FORWARD : RTE_EVENT_OP_NEW,
			.event_ptr = op,
		};
	}
	p->issued += n;
	p->held -= RTE_MIN(p->held, n);
	return event_send(p, n);
}

static int
event_burst(void *state, uint16_t n, uint64_t first, uint64_t *ctx)
{
	struct event_peer *p = state;
	unsigned int got = 0, tries = 0, found;
	int rc;

	rc = event_request(p, n, first);
	if (rc < 0)
		return rc;
	rte_service_run_iter_on_app_lcore(p->scheduler, 0);
	while (got < n) {
		rte_service_run_iter_on_app_lcore(p->adapter, 0);
		rte_service_run_iter_on_app_lcore(p->scheduler, 0);
		found = rte_event_dequeue_burst(p->id, APP, p->events, (uint16_t)(n - got), 0);
		for (unsigned int i = 0; i < found; i++)
			ctx[got + i] = op_ctx(p->events[i].event_ptr);
		got += found;
		if (tries++ == BENCH_PEER_TRIES)
			return -ETIMEDOUT;
	}
	if (p->mode->forward)
		p->held += n;
	return 0;
}

/* --- end */

/* Give back the events that came and were not sent again. */
static int
event_release(struct event_peer *p)
{
	for (uint16_t i = 0; i < p->held; i++)
		p->events[i] = (struct rte_event){.op = RTE_EVENT_OP_RELEASE};
	return event_send(p, p->held);
}

/* @return -EBADMSG when the adapter has counted other operations than were issued. */
static int
adapter_close(struct event_peer *p)
{
	struct rte_event_dma_adapter_stats stats;
	int rc;

	rc = rte_event_dma_adapter_stats_get(p->mode->adapter, &stats);
	if (rc == 0 && (stats.dma_enq_count != p->issued || stats.dma_deq_count != p->issued ||
	                stats.event_enq_count != p->issued))
		rc = -EBADMSG;
	rte_event_dma_adapter_stop(p->mode->adapter);
	rte_event_dma_adapter_vchan_del(p->mode->adapter, p->dma_id, 0);
	rte_event_dma_adapter_free(p->mode->adapter);
	return rc;
}

static int
event_close(void *state)
{
	struct event_peer *p = state;
	int rc = 0, closed;

	if (p->have_adapter) {
		rc = event_release(p);
		closed = adapter_close(p);
		rc = rc < 0 ? rc : closed;
		rte_event_dev_stop(p->id);
	}
	if (p->have_scheduler)
		rte_eal_hotplug_remove("vdev", p->mode->name);
	rte_free(p->ops);
	free(p);
	return rc;
}

static int
event_open(void **state, int16_t dma_id, const struct event_mode *mode)
{
	struct event_peer *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	p->mode = mode;
	p->dma_id = dma_id;
	rc = ops_open(p);
	if (rc == 0)
		rc = scheduler_open(p);
	if (rc == 0)
		rc = adapter_open(p);
	if (rc == 0) {
		*state = p;
		return 0;
	}
	event_close(p);
	return rc;
}

/* As DPDK's test of the adapter has it: what is done is in an atomic queue. */
static int
event_open_plain(void **state, int16_t dma_id)
{
	static const struct event_mode mode = {
		.name = "event_sw0",
		.adapter = 0,
		.queue = {.nb_atomic_flows = 1024,
	                  .nb_atomic_order_sequences = 1,
	                  .schedule_type = RTE_SCHED_TYPE_ATOMIC},
	};

	return event_open(state, dma_id, &mode);
}

const struct bench_peer bench_peer_event = {
	.who = "event",
	.on_device = true,
	.open = event_open_plain,
	.burst = event_burst,
	.close = event_close,
};

/* What costs least: queues with one reader, and no releases beside what is forwarded. */
static int
event_open_best(void **state, int16_t dma_id)
{
	static const struct event_mode mode = {
		.name = "event_sw1",
		.adapter = 1,
		.queue = {.event_queue_cfg = RTE_EVENT_QUEUE_CFG_SINGLE_LINK},
		.port_cfg = RTE_EVENT_PORT_CFG_DISABLE_IMPL_REL | RTE_EVENT_PORT_CFG_SINGLE_LINK,
		.forward = true,
	};

	return event_open(state, dma_id, &mode);
}

const struct bench_peer bench_peer_event_best = {
	.who = "event-best",
	.on_device = true,
	.open = event_open_best,
	.burst = event_burst,
	.close = event_close,
};
