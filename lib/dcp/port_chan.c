/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "dcp_os.h"
#include "dcp_priv.h"

#define DEL_NAP_NS 100000u

/* All below: under the control lock. */

void
chan_stats(const struct dcp_chan *c, struct dcp_stats *sum)
{
	uint64_t failed = dcp_peek(&c->failed), aborted = dcp_peek(&c->aborted);

	sum->issued += dcp_peek(&c->issued);
	sum->ok += dcp_peek(&c->delivered) - failed - aborted;
	sum->failed += failed;
	sum->aborted += aborted;
	sum->full += dcp_peek(&c->full);
	sum->max_depth = RTE_MAX(sum->max_depth, dcp_peek(&c->max_depth));
}

struct dcp_chan *
chan_find(struct dcp_port *port, uint16_t id)
{
	uint32_t place = id & port->id_mask;
	struct dcp_chan *c = place < port->max_chans ? &port->chans[place] : NULL;

	return c != NULL && chan_dev(c) != NULL && chan_id(c) == id ? c : NULL;
}

/* The id of the channel that comes into a place after one has gone. */
static uint32_t
chan_next_id(const struct dcp_port *port, uint32_t id)
{
	uint32_t next = (id + port->id_mask + 1) & UINT16_MAX;

	/* The place of the last id of all, first generation. */
	return next != DCP_CHAN_POST ? next : port->id_mask;
}

/* --- add */

static uint32_t
ops_of(const struct rte_dma_info *info)
{
	uint32_t ops = RTE_BIT32(DCP_OP_COPY);

	if ((info->dev_capa & RTE_DMA_CAPA_OPS_FILL) != 0)
		ops |= RTE_BIT32(DCP_OP_FILL);
	if ((info->dev_capa & RTE_DMA_CAPA_OPS_COPY_SG) != 0)
		ops |= RTE_BIT32(DCP_OP_COPY_SG);
	return ops;
}

static struct dcp_dev *
dev_place(struct dcp_port *port)
{
	for (uint16_t i = 0; i < port->max_chans; i++) {
		if (port->devs[i].refs == 0)
			return &port->devs[i];
	}
	return NULL;
}

/* The device's place in the port; its own if it has one, else a free one. */
static int
dev_find(struct dcp_port *port, int16_t dev_id, uint16_t vchan, struct dcp_dev **dev)
{
	struct dcp_port *owner = port_of_device(dev_id, dev);

	if (owner != NULL && owner != port)
		return -EBUSY;
	for (uint16_t i = 0; i < port->max_chans && owner != NULL; i++) {
		if (chan_dev(&port->chans[i]) == *dev && port->chans[i].vchan == vchan)
			return -EEXIST;
	}
	if (owner != NULL)
		return (*dev)->stopped ? -EIO : 0;
	*dev = dev_place(port);
	return *dev != NULL ? 0 : -ENOSPC;
}

static struct dcp_chan *
chan_place(struct dcp_port *port)
{
	for (uint16_t i = 0; i < port->max_chans; i++) {
		if (chan_dev(&port->chans[i]) == NULL)
			return &port->chans[i];
	}
	return NULL;
}

static void
chan_init(struct dcp_chan *c, uint32_t ops)
{
	dcp_put(&c->issued, 0);
	dcp_put(&c->noted, 0);
	dcp_put(&c->delivered, 0);
	dcp_put(&c->failed, 0);
	dcp_put(&c->aborted, 0);
	dcp_put(&c->full, 0);
	dcp_put(&c->max_depth, 0);
	c->ops = ops;
	c->first_idx = 0;
	chan_set_state(c, DCP_CHAN_LIVE);
}

/* Publish a channel that is complete. @return its id. */
static int
chan_show(struct dcp_port *port, struct dcp_chan *c, struct dcp_dev *dev, struct dcp_source *s,
          uint64_t key)
{
	uint32_t place = (uint32_t)(c - port->chans) + 1;

	dev->refs++;
	dcp_put(&c->key, key);
	atomic_store_explicit(&c->source, s, memory_order_relaxed);
	atomic_store_explicit(&c->dev, dev, memory_order_relaxed);
	if (place > atomic_load_explicit(&port->used, memory_order_relaxed))
		atomic_store_explicit(&port->used, place, memory_order_release);
	return (int)chan_id(c);
}

static int
chan_add(struct dcp_port *port, int16_t dev_id, uint16_t vchan, uint64_t key, uint32_t flags)
{
	struct rte_dma_info info;
	struct dcp_chan *c;
	struct dcp_dev *dev;
	int rc;

	if ((flags & ~DCP_CHAN_F_SERIAL) != 0 || rte_dma_info_get(dev_id, &info) != 0 ||
	    vchan >= info.nb_vchans)
		return -EINVAL;
	if ((info.dev_capa & RTE_DMA_CAPA_OPS_COPY) == 0)
		return -ENOTSUP;
	if (atomic_load_explicit(&port->closing, memory_order_relaxed))
		return -ESHUTDOWN;
	rc = dev_find(port, dev_id, vchan, &dev);
	if (rc != 0)
		return rc;
	c = chan_place(port);
	if (c == NULL)
		return -ENOSPC;

	dcp_lock_take(&dev->lock);
	dev->id = dev_id;
	chan_init(c, ops_of(&info));
	c->max_sges = info.max_sges;
	c->dev_id = dev_id;
	c->vchan = vchan;
	c->flags = flags;
	rc = chan_show(port, c, dev, NULL, key);
	dcp_lock_drop(&dev->lock);
	return rc;
}

int
chan_add_source(struct dcp_port *port, struct dcp_source *s, uint64_t key)
{
	struct dcp_dev *dev = dev_place(port);
	struct dcp_chan *c = chan_place(port);
	int rc;

	if (atomic_load_explicit(&port->closing, memory_order_relaxed))
		return -ESHUTDOWN;
	if (c == NULL || dev == NULL)
		return -ENOSPC;
	dcp_lock_take(&dev->lock);
	dev->id = -1;
	chan_init(c, 0);
	c->flags = 0;
	rc = chan_show(port, c, dev, s, key);
	dcp_lock_drop(&dev->lock);
	return rc;
}

int
dcp_chan_add(struct dcp_port *port, int16_t dev_id, uint16_t vchan, uint64_t key, uint32_t flags)
{
	int rc;

	port_control_lock();
	rc = chan_add(port, dev_id, vchan, key, flags);
	port_control_unlock();
	return rc;
}

uint64_t
dcp_chan_key(const struct dcp_port *port, uint16_t chan)
{
	uint32_t place = chan & port->id_mask;
	const struct dcp_chan *c;
	uint32_t id;

	if (place >= port->max_chans)
		return 0;
	c = &port->chans[place];
	id = chan_id(c);
	/* A free place has the id of the next channel; the key is of the last one. */
	if (id != chan && (chan_dev(c) != NULL || chan_next_id(port, chan) != id))
		return 0;
	return dcp_peek(&c->key);
}

/* --- delete */

/* Stop a device: what it has finished is noted first, the rest is aborted. */
static int
dev_abort(struct dcp_port *port, struct dcp_dev *dev)
{
	int rc = 0;

	if (dev->stopped)
		return 0;
	dcp_lock_take(&dev->lock);
	for (uint16_t i = 0; i < port->max_chans; i++) {
		if (chan_dev(&port->chans[i]) == dev)
			chan_note(&port->chans[i], DCP_DEPTH_MAX);
	}
	if (rte_dma_stop(dev->id) != 0)
		rc = -EIO;
	dev->stopped = rc == 0;
	for (uint16_t i = 0; i < port->max_chans; i++) {
		if (chan_dev(&port->chans[i]) == dev)
			chan_set_state(&port->chans[i],
			               rc == 0 ? DCP_CHAN_STOPPED : DCP_CHAN_FAULT);
	}
	dcp_lock_drop(&dev->lock);
	/* What is aborted has become work for those that sleep. */
	if (rc == 0)
		port_rouse(port, DCP_BED_NAP);
	return rc;
}

static int
chan_abort(struct dcp_port *port, struct dcp_chan *c)
{
	struct dcp_source *source = chan_source(c);

	return source != NULL ? source->cancel(source) : dev_abort(port, chan_dev(c));
}

/* Accept nothing more. */
static void
chan_drain(struct dcp_chan *c)
{
	struct dcp_dev *dev = chan_dev(c);

	dcp_lock_take(&dev->lock);
	if (chan_state(c) == DCP_CHAN_LIVE)
		chan_set_state(c, DCP_CHAN_DRAINING);
	dcp_lock_drop(&dev->lock);
}

static void
chan_free(struct dcp_port *port, struct dcp_chan *c)
{
	struct dcp_dev *dev = chan_dev(c);

	chan_stats(c, &port->gone);
	chan_set_state(c, DCP_CHAN_FREE);
	atomic_store_explicit(&c->dev, NULL, memory_order_relaxed);
	atomic_store_explicit(&c->source, NULL, memory_order_relaxed);
	atomic_store_explicit(&c->id, chan_next_id(port, chan_id(c)), memory_order_relaxed);
	if (--dev->refs == 0)
		dev->stopped = false;
}

/* @return 0: gone; -ETIMEDOUT: not yet; -EIO: never without an abort. */
static int
chan_try_free(struct dcp_port *port, struct dcp_chan *c)
{
	struct dcp_dev *dev = chan_dev(c);
	struct dcp_source *source = chan_source(c);
	int rc = 0;

	dcp_lock_take(&dev->lock);
	if (dcp_peek(&c->issued) != dcp_peek(&c->delivered))
		rc = chan_state(c) == DCP_CHAN_FAULT &&
		                     dcp_peek(&c->noted) == dcp_peek(&c->delivered)
		             ? -EIO
		             : -ETIMEDOUT;
	else if (atomic_load_explicit(&c->holder, memory_order_acquire) != NULL ||
	         (source != NULL && source->busy(source)))
		rc = -ETIMEDOUT;
	else
		chan_free(port, c);
	dcp_lock_drop(&dev->lock);
	if (rc == 0 && source != NULL)
		source->release(source);
	return rc;
}

/* Whether the calling thread runs as a worker of the port. */
static bool
caller_runs(const struct dcp_port *port)
{
	for (uint16_t i = 0; i < port->max_workers; i++) {
		const struct dcp_worker *w = &port->workers[i];

		if (w->used &&
		    atomic_load_explicit(&w->thread, memory_order_relaxed) == thread_self())
			return true;
	}
	return false;
}

static int
chan_del_begin(struct dcp_port *port, uint16_t chan, bool abort, bool waits)
{
	struct dcp_chan *c = chan_find(port, chan);

	if (c == NULL)
		return -EINVAL;
	if (waits && caller_runs(port))
		return -EDEADLK;
	chan_drain(c);
	return abort ? chan_abort(port, c) : 0;
}

static int
chan_del_step(struct dcp_port *port, uint16_t chan, bool abort)
{
	struct dcp_chan *c = chan_find(port, chan);
	int rc = c == NULL ? -EINVAL : chan_try_free(port, c);

	/* A cancel of a source misses what is just between two steps of the kernel. */
	if (rc == -ETIMEDOUT && abort && chan_abort(port, c) != 0)
		rc = -EIO;
	return rc;
}

int
dcp_chan_del(struct dcp_port *port, uint16_t chan, bool abort, uint64_t timeout_ns)
{
	uint64_t now = dcp_os_now_ns(), start = now;
	int rc;

	port_control_lock();
	rc = chan_del_begin(port, chan, abort, timeout_ns != 0);
	port_control_unlock();
	while (rc == 0) {
		port_control_lock();
		rc = chan_del_step(port, chan, abort);
		port_control_unlock();
		if (rc != -ETIMEDOUT || now - start >= timeout_ns)
			break;
		rc = 0;
		dcp_os_sleep(&port->never, 0, now + DEL_NAP_NS);
		now = dcp_os_now_ns();
	}
	return rc;
}
