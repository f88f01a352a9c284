/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "dcp_priv.h"

#define DEFAULT_DEPTH   4096
#define DEFAULT_SPIN_US 20
#define DEFAULT_NAP_US  100
#define NS_PER_US       1000u

static_assert(sizeof(struct dcp_cpl) == 16, "a record is 16 bytes");

_Thread_local char thread_mark;

static pthread_mutex_t control = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, dcp_port) ports = TAILQ_HEAD_INITIALIZER(ports);

void
port_control_lock(void)
{
	pthread_mutex_lock(&control);
}

void
port_control_unlock(void)
{
	pthread_mutex_unlock(&control);
}

struct dcp_port *
port_of_device(int16_t dev_id, struct dcp_dev **dev)
{
	struct dcp_port *port;

	TAILQ_FOREACH(port, &ports, entry)
	{
		for (uint16_t i = 0; i < port->max_chans; i++) {
			if (port->devs[i].refs == 0 || port->devs[i].id != dev_id)
				continue;
			*dev = &port->devs[i];
			return port;
		}
	}
	return NULL;
}

void
port_pass_locks(struct dcp_port *port)
{
	for (uint16_t i = 0; i < port->max_chans; i++) {
		dcp_lock_take(&port->devs[i].lock);
		dcp_lock_drop(&port->devs[i].lock);
	}
	dcp_lock_take(&port->posts.lock);
	dcp_lock_drop(&port->posts.lock);
}

/* --- create and destroy */

static bool
conf_is_legal(const struct dcp_conf *conf)
{
	size_t name_len = conf != NULL && conf->name != NULL ? strlen(conf->name) : 0;

	return name_len != 0 && name_len < sizeof(((struct dcp_port *)0)->name) &&
	       conf->max_chans != 0 && conf->max_chans <= DCP_CHANS_MAX && conf->max_workers != 0 &&
	       conf->max_workers <= DCP_WORKERS_MAX && conf->chan_depth <= DCP_DEPTH_MAX &&
	       conf->post_depth <= DCP_DEPTH_MAX &&
	       (conf->chan_depth == 0 || rte_is_power_of_2(conf->chan_depth)) &&
	       conf->spin_us <= DCP_WAIT_US_MAX && conf->nap_us <= DCP_WAIT_US_MAX &&
	       (conf->flags & ~(DCP_F_URING | DCP_F_SINGLE)) == 0;
}

static void
port_free(struct dcp_port *port)
{
	if (port == NULL)
		return;
	if (port->chans != NULL) {
		rte_free(port->chans[0].ctx);
		rte_free(port->chans[0].status);
	}
	rte_free(port->chans);
	rte_free(port->devs);
	rte_free(port->workers);
	rte_free(port->posts.ring);
	dcp_watch_close(&port->watch);
	rte_free(port);
}

static void *
port_alloc(const struct dcp_conf *conf, size_t n, size_t size)
{
	return rte_zmalloc_socket("dcp", n * size, RTE_CACHE_LINE_SIZE, conf->socket_id);
}

static bool
port_alloc_chans(struct dcp_port *port, const struct dcp_conf *conf)
{
	size_t depth = conf->chan_depth != 0 ? conf->chan_depth : DEFAULT_DEPTH;
	size_t slots = conf->max_chans * depth;
	uint64_t *ctx;
	uint16_t *status;

	port->chans = port_alloc(conf, conf->max_chans, sizeof(port->chans[0]));
	port->devs = port_alloc(conf, conf->max_chans, sizeof(port->devs[0]));
	if (port->chans == NULL || port->devs == NULL)
		return false;
	ctx = port_alloc(conf, slots, sizeof(*ctx));
	status = port_alloc(conf, slots, sizeof(*status));
	port->chans[0].ctx = ctx; /* port_free() frees both by this one */
	port->chans[0].status = status;
	if (ctx == NULL || status == NULL)
		return false;
	for (size_t i = 0; i < conf->max_chans; i++) {
		port->chans[i].ctx = ctx + i * depth;
		port->chans[i].status = status + i * depth;
		port->chans[i].mask = (uint32_t)depth - 1;
		atomic_store_explicit(&port->chans[i].id, (uint32_t)i, memory_order_relaxed);
	}
	return true;
}

static struct dcp_port *
port_alloc_all(const struct dcp_conf *conf)
{
	struct dcp_port *port = port_alloc(conf, 1, sizeof(*port));
	uint32_t posts = rte_align32pow2(RTE_MAX(conf->post_depth, 1u));

	if (port == NULL)
		return NULL;
	snprintf(port->name, sizeof(port->name), "%s", conf->name);
	port->max_chans = conf->max_chans;
	port->max_workers = conf->max_workers;
	port->id_mask = rte_align32pow2(conf->max_chans) - 1;
	port->spin_ns = (conf->spin_us != 0 ? conf->spin_us : DEFAULT_SPIN_US) * NS_PER_US;
	port->nap_ns = (conf->nap_us != 0 ? conf->nap_us : DEFAULT_NAP_US) * NS_PER_US;
	port->slots.limit = conf->max_running != 0 ? conf->max_running : SLOTS_UNLIMITED;
	port->posts.depth = conf->post_depth;
	port->posts.mask = posts - 1;
	port->posts.ring = port_alloc(conf, posts, sizeof(port->posts.ring[0]));
	port->workers = port_alloc(conf, conf->max_workers, sizeof(port->workers[0]));
	if (port->posts.ring == NULL || port->workers == NULL || !port_alloc_chans(port, conf)) {
		port_free(port);
		return NULL;
	}
	return port;
}

static bool
port_name_is_taken(const char *name)
{
	const struct dcp_port *port;

	TAILQ_FOREACH(port, &ports, entry)
	{
		if (strcmp(port->name, name) == 0)
			return true;
	}
	return false;
}

static struct dcp_port *
port_open(const struct dcp_conf *conf)
{
	struct dcp_port *port = port_alloc_all(conf);
	int rc;

	if (port == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	rc = (conf->flags & DCP_F_URING) != 0 ? dcp_watch_open(&port->watch) : 0;
	if (rc != 0) {
		port_free(port);
		rte_errno = -rc;
		return NULL;
	}
	port->posts.lock.off = (conf->flags & DCP_F_SINGLE) != 0;
	for (uint16_t i = 0; i < port->max_chans; i++)
		port->devs[i].lock.off = port->posts.lock.off;
	TAILQ_INSERT_TAIL(&ports, port, entry);
	return port;
}

struct dcp_port *
dcp_create(const struct dcp_conf *conf)
{
	struct dcp_port *port = NULL;

	if (!conf_is_legal(conf)) {
		rte_errno = EINVAL;
		return NULL;
	}
	port_control_lock();
	if (port_name_is_taken(conf->name))
		rte_errno = EEXIST;
	else
		port = port_open(conf);
	port_control_unlock();
	return port;
}

static bool
port_is_in_use(const struct dcp_port *port)
{
	if (!atomic_load_explicit(&port->sealed, memory_order_relaxed) || port_owes(port))
		return true;
	for (uint16_t i = 0; i < port->max_chans; i++) {
		if (port->devs[i].refs != 0)
			return true;
	}
	for (uint16_t i = 0; i < port->max_workers; i++) {
		if (port->workers[i].used)
			return true;
	}
	return false;
}

int
dcp_destroy(struct dcp_port *port)
{
	int rc = 0;

	if (port == NULL)
		return 0;
	port_control_lock();
	if (port_is_in_use(port))
		rc = -EBUSY;
	else
		TAILQ_REMOVE(&ports, port, entry);
	port_control_unlock();
	if (rc == 0)
		port_free(port);
	return rc;
}

void
dcp_close(struct dcp_port *port)
{
	port_control_lock(); /* dcp_chan_add() looks at it */
	atomic_store_explicit(&port->closing, true, memory_order_relaxed);
	port_control_unlock();
	port_pass_locks(port);
	DCP_STEP();
	/* Who took a lock before us has added its work; who takes one after us sees closing. */
	atomic_store_explicit(&port->sealed, true, memory_order_relaxed);
	port_settle(port);
}

/* --- workers */

/* Control lock. */
static struct dcp_worker *
worker_place(struct dcp_port *port)
{
	for (uint16_t i = 0; i < port->max_workers; i++) {
		if (!port->workers[i].used)
			return &port->workers[i];
	}
	return NULL;
}

/*
 * When this returns, whoever adds work looks for sleepers. Those inside dcp_issue() or dcp_post()
 * that have not seen the word have added their work when we have passed their lock, so that the
 * worker sees it; those that take a lock after us see the word. The control lock hands both on to
 * workers that are added later: only those that come before this is over pass the locks themselves.
 */
static void
port_expect_sleepers(struct dcp_port *port)
{
	DCP_STEP();
	atomic_store_explicit(&port->have_sleepers, true, memory_order_relaxed);
	port_pass_locks(port);
	port_control_lock();
	port->sleepers_expected = true;
	port_control_unlock();
}

struct dcp_worker *
dcp_worker_add(struct dcp_port *port, uint32_t flags)
{
	struct dcp_worker *w = NULL;
	bool expected, shut;

	if ((flags & ~DCP_WORKER_F_NOSLEEP) != 0) {
		rte_errno = EINVAL;
		return NULL;
	}
	port_control_lock();
	shut = atomic_load_explicit(&port->slots.shut, memory_order_relaxed);
	if (!shut)
		w = worker_place(port);
	if (w != NULL) {
		memset(w, 0, sizeof(*w));
		w->port = port;
		w->flags = flags;
		w->used = true;
	}
	expected = port->sleepers_expected;
	port_control_unlock();
	if (w == NULL)
		rte_errno = shut ? ESHUTDOWN : ENOSPC;
	else if ((flags & DCP_WORKER_F_NOSLEEP) == 0 && !expected)
		port_expect_sleepers(port);
	return w;
}

void
dcp_worker_del(struct dcp_worker *w)
{
	struct dcp_port *port;

	if (w == NULL)
		return;
	port = w->port;
	worker_drop_held(w);
	worker_set_thread(w, 0);
	worker_wake(slots_give(&port->slots, &w->wait));
	port_control_lock();
	port->gone.gets += dcp_peek(&w->full_gets) + dcp_peek(&w->empty_gets);
	port->gone.empty_gets += dcp_peek(&w->empty_gets);
	port->gone.lock_misses += dcp_peek(&w->lock_misses);
	port->gone.naps += dcp_peek(&w->naps);
	w->used = false;
	port_control_unlock();
}

/* --- statistics */

static bool
chan_add_stats(struct dcp_chan *c, struct dcp_stats *sum)
{
	struct dcp_dev *dev = chan_lock(c);

	if (dev == NULL)
		return false;
	chan_stats(c, sum);
	sum->faults += chan_state(c) == DCP_CHAN_FAULT;
	dcp_lock_drop(&dev->lock);
	return true;
}

static void
port_sum(struct dcp_port *port, struct dcp_stats *sum)
{
	*sum = port->gone;
	for (uint16_t i = 0; i < port->max_chans; i++)
		chan_add_stats(&port->chans[i], sum);
	for (uint16_t i = 0; i < port->max_workers; i++) {
		const struct dcp_worker *w = &port->workers[i];

		if (!w->used)
			continue;
		sum->gets += dcp_peek(&w->full_gets) + dcp_peek(&w->empty_gets);
		sum->empty_gets += dcp_peek(&w->empty_gets);
		sum->lock_misses += dcp_peek(&w->lock_misses);
		sum->naps += dcp_peek(&w->naps);
	}
	sum->posts = dcp_peek(&port->posts.in);
	dcp_lock_take(&port->slots.lock);
	sum->wakes = port->slots.wakes;
	sum->over_limit = port->slots.over_limit;
	dcp_lock_drop(&port->slots.lock);
}

int
dcp_stats(struct dcp_port *port, int chan, struct dcp_stats *stats)
{
	struct dcp_chan *c;
	int rc = 0;

	memset(stats, 0, sizeof(*stats));
	port_control_lock();
	c = chan >= 0 && chan <= UINT16_MAX ? chan_find(port, (uint16_t)chan) : NULL;
	if (chan == DCP_CHAN_ALL)
		port_sum(port, stats);
	else if (c == NULL || !chan_add_stats(c, stats))
		rc = -EINVAL;
	port_control_unlock();
	return rc;
}
