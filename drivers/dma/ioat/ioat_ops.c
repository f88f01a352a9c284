/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* A channel as a dmadev: info, configure, vchan set-up, start, stop, statistics, status, dump. */

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "ioat_defer.h"
#include "ioat_enq.h"
#include "ioat_priv.h"
#include "ioat_refuse.h"

RTE_LOG_REGISTER(ioat_log_type, pmd.dma.ioat_pmd, NOTICE);

static int
ops_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t info_sz)
{
	const struct ioat_chan *ch = dev->data->dev_private;

	if (info_sz < sizeof(*info))
		return -EINVAL;
	info->dev_capa = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_OPS_COPY |
	                 RTE_DMA_CAPA_OPS_COPY_SG | RTE_DMA_CAPA_HANDLES_ERRORS |
	                 ioat_enq_capability();
	if (ch->bfill)
		info->dev_capa |= RTE_DMA_CAPA_OPS_FILL;
	if (ch->may_be_silent)
		info->dev_capa |= RTE_DMA_CAPA_SILENT;
	info->max_vchans = 1;
	info->min_desc = IOAT_RING_MIN;
	info->max_desc = IOAT_RING_MAX;
	info->max_sges = IOAT_MAX_SGES;
	return 0;
}

/* In a secondary process a channel has no functions of the front door's own (struct ioat_chan). */
static void
data_path_install(struct rte_dma_fp_object *fp, const struct ioat_chan *ch)
{
	ioat_ring_install(fp);
	ioat_enq_install(fp);
	if (ch->install != NULL)
		ch->install(fp);
	if (ch->silent || (ch->may_be_silent && rte_eal_process_type() != RTE_PROC_PRIMARY))
		ioat_silent_install(fp);
}

static int
ops_configure(struct rte_dma_dev *dev, const struct rte_dma_conf *conf, uint32_t conf_sz)
{
	struct ioat_chan *ch = dev->data->dev_private;

	/* dmadev has checked the number of vchans and the capabilities against our info. */
	if (conf_sz != sizeof(*conf))
		return -EINVAL;
	if (ioat_conf_is_silent(conf) && ioat_conf_has_objects(conf)) {
		IOAT_LOG(ERR, "%s: silent mode would never give back operations as objects",
		         ch->name);
		return -EINVAL;
	}
	ch->silent = ioat_conf_is_silent(conf);
	data_path_install(dev->fp_obj, ch);
	return 0;
}

/*
 * Descriptors, the completion word in a line of its own, then for each descriptor the pointer to an
 * operation, if they are wanted, and a byte.
 */
static const struct rte_memzone *
ring_reserve(const struct rte_dma_dev *dev, uint32_t slots)
{
	static atomic_uint serial; /* a zone that outlives its channel keeps its name */
	size_t len = slots * (IOAT_DESC_SIZE + ioat_enq_slot_size(dev) + 1) + RTE_CACHE_LINE_SIZE;
	const struct ioat_chan *ch = dev->data->dev_private;
	const struct rte_memzone *mz;
	char name[RTE_MEMZONE_NAMESIZE];

	snprintf(name, sizeof(name), "ioat_ring_%d_%u", dev->data->dev_id,
	         atomic_fetch_add(&serial, 1));
	mz = rte_memzone_reserve_aligned(name, len, dev->data->numa_node, RTE_MEMZONE_IOVA_CONTIG,
	                                 IOAT_DESC_ALIGN);
	if (mz == NULL && ioat_defer_reclaim())
		mz = rte_memzone_reserve_aligned(name, len, dev->data->numa_node,
		                                 RTE_MEMZONE_IOVA_CONTIG, IOAT_DESC_ALIGN);
	if (mz == NULL && dev->data->numa_node != SOCKET_ID_ANY) {
		IOAT_LOG(WARNING,
		         "%s: no memory for the ring on NUMA node %d of the device, another is "
		         "tried",
		         ch->name, dev->data->numa_node);
		mz = rte_memzone_reserve_aligned(name, len, SOCKET_ID_ANY, RTE_MEMZONE_IOVA_CONTIG,
		                                 IOAT_DESC_ALIGN);
	}
	if (mz == NULL) {
		IOAT_LOG(ERR, "%s: no %zu bytes of contiguous memory for %u descriptors: %s",
		         ch->name, len, slots, rte_strerror(rte_errno));
		return NULL;
	}
	if (mz->iova == RTE_BAD_IOVA) {
		IOAT_LOG(ERR, "%s: memory for the ring has no IOVA, a device cannot reach it",
		         ch->name);
		rte_memzone_free(mz);
		return NULL;
	}
	return mz;
}

static int
ops_vchan_setup(struct rte_dma_dev *dev, uint16_t vchan __rte_unused,
                const struct rte_dma_vchan_conf *conf, uint32_t conf_sz)
{
	struct ioat_chan *ch = dev->data->dev_private;
	uint32_t slots = rte_align32pow2(conf->nb_desc);
	size_t ring = (size_t)slots * IOAT_DESC_SIZE;
	size_t ops = slots * ioat_enq_slot_size(dev);
	size_t after = ring + RTE_CACHE_LINE_SIZE;
	const struct rte_memzone *mz, *old;

	if (conf_sz != sizeof(*conf))
		return -EINVAL;
	if (ch->lost) {
		IOAT_LOG(ERR, "%s: the channel is lost, its ring cannot be replaced", ch->name);
		return -EIO;
	}
	mz = ring_reserve(dev, slots);
	if (mz == NULL)
		return -ENOMEM;
	ioat_ring_restart(ch);
	ioat_mp_lock();
	old = ch->mz;
	ch->mz = mz;
	ch->nb_desc = conf->nb_desc;
	ioat_chan_set_ring(ch, &(struct ioat_ring_mem){
				       .slots = slots,
				       .desc = mz->addr,
				       .desc_iova = mz->iova,
				       .status = RTE_PTR_ADD(mz->addr, ring),
				       .status_iova = mz->iova + ring,
				       .ops = ops == 0 ? NULL : RTE_PTR_ADD(mz->addr, after),
				       .more = RTE_PTR_ADD(mz->addr, after + ops),
			       });
	ioat_mp_unlock();
	/* The channel was reset at open or stop: it does not write to the old ring. */
	rte_memzone_free(old);
	return 0;
}

static int
ops_start(struct rte_dma_dev *dev)
{
	struct ioat_chan *ch = dev->data->dev_private;

	if (ch->mz == NULL) {
		IOAT_LOG(ERR, "%s: start before rte_dma_vchan_setup()", ch->name);
		return -EINVAL;
	}
	if (ioat_enq_slot_size(dev) != 0 && ch->ops == NULL) {
		IOAT_LOG(ERR, "%s: rte_dma_vchan_setup() has to follow rte_dma_configure()",
		         ch->name);
		return -EINVAL;
	}
	return ioat_chan_start(ch);
}

static int
ops_stop(struct rte_dma_dev *dev)
{
	struct ioat_chan *ch = dev->data->dev_private;
	int rc = ioat_chan_stop(ch);

	if (ch->silent)
		ioat_silent_reclaim(ch);
	return rc;
}

static void
release_zone(void *mz)
{
	rte_memzone_free(mz);
}

/* The program may call from other threads, as dmadev forbids or as removal makes it happen. */
static int
ops_close(struct rte_dma_dev *dev)
{
	struct ioat_chan *ch = dev->data->dev_private;
	const struct rte_memzone *mz = ch->mz;
	int rc;

	if (!ioat_refuse_holds(dev->fp_obj)) {
		ioat_refuse_all(dev->fp_obj);
		ioat_refuse_grace();
	}
	/* First of all: who reads registers for people takes the channel by it. */
	ioat_mp_lock();
	ch->mz = NULL;
	ch->closed = true;
	ioat_mp_unlock();
	rc = ioat_chan_close(ch);
	if (rc < 0)
		IOAT_LOG(ERR, "%s: not reset, %zu bytes stay reserved since it may write to them",
		         ch->name, mz == NULL ? 0 : mz->len);
	else
		ioat_defer_free(release_zone, (void *)(uintptr_t)mz);
	if (ch->op_head != ch->op_rung)
		IOAT_LOG(NOTICE, "%s: closed with %u operations whose end nobody asked for",
		         ch->name, (uint16_t)(ch->op_rung - ch->op_head));
	ioat_mp_remove(dev);
	ioat_refuse_late(ch);
	dev->data->dev_private = NULL; /* or dmadev would free it at once */
	ioat_defer_free(rte_free, ch);
	return 0;
}

static int
ops_stats_get(const struct rte_dma_dev *dev, uint16_t vchan __rte_unused,
              struct rte_dma_stats *stats, uint32_t stats_sz)
{
	const struct ioat_chan *ch = dev->data->dev_private;

	if (stats_sz < sizeof(*stats))
		return -EINVAL;
	stats->submitted = ch->submitted;
	stats->completed = ch->completed;
	stats->errors = ch->errors;
	return 0;
}

static int
ops_stats_reset(struct rte_dma_dev *dev, uint16_t vchan __rte_unused)
{
	struct ioat_chan *ch = dev->data->dev_private;

	ch->submitted = 0;
	ch->completed = 0;
	ch->errors = 0;
	ch->doorbells = 0;
	ch->compl_extra = 0;
	ch->splits = 0;
	return 0;
}

static int
ops_vchan_status(const struct rte_dma_dev *dev, uint16_t vchan __rte_unused,
                 enum rte_dma_vchan_status *status)
{
	struct ioat_chan *ch = dev->data->dev_private;

	*status = RTE_DMA_VCHAN_IDLE;
	if (ch->lost) {
		*status = RTE_DMA_VCHAN_HALTED_ERROR;
		return 0;
	}
	if (ioat_chan_regs(ch) == NULL)
		return -ENOTSUP;
	if (!ch->started) /* at rest after a reset, whose state is HALTED too */
		return 0;
	switch (ioat_chan_state(ch)) {
	case IOAT_STATE_ACTIVE:
		*status = RTE_DMA_VCHAN_ACTIVE;
		break;
	case IOAT_STATE_DONE:
	case IOAT_STATE_ARMED:
	case IOAT_STATE_SUSPENDED:
		break;
	default: /* halted, or no state at all: the device is gone */
		ioat_ring_ask(ch);
		*status = RTE_DMA_VCHAN_HALTED_ERROR;
		break;
	}
	return 0;
}

static int
ops_dump(const struct rte_dma_dev *dev, FILE *f)
{
	/* Telemetry asks from a thread of its own: the ring must stay while it is looked at. */
	ioat_mp_lock();
	ioat_dump(dev->data->dev_private, f);
	ioat_mp_unlock();
	return 0;
}

static const struct rte_dma_dev_ops ioat_ops = {
	.dev_info_get = ops_info_get,
	.dev_configure = ops_configure,
	.dev_start = ops_start,
	.dev_stop = ops_stop,
	.dev_close = ops_close,
	.vchan_setup = ops_vchan_setup,
	.stats_get = ops_stats_get,
	.stats_reset = ops_stats_reset,
	.vchan_status = ops_vchan_status,
	.dev_dump = ops_dump,
};

int
ioat_dmadev_create(const char *name, struct rte_device *device, const struct ioat_chan *template)
{
	struct rte_dma_dev *dev;
	struct ioat_chan *ch;
	int rc;

	ioat_defer_sweep();
	if (rte_dma_get_dev_id_by_name(name) >= 0) {
		IOAT_LOG(ERR, "%s: there is a dmadev of this name already", name);
		return -EEXIST;
	}
	dev = rte_dma_pmd_allocate(name, device->numa_node, sizeof(*ch));
	if (dev == NULL && device->numa_node != SOCKET_ID_ANY) {
		dev = rte_dma_pmd_allocate(name, SOCKET_ID_ANY, sizeof(*ch));
		if (dev != NULL)
			IOAT_LOG(WARNING,
			         "%s: no memory for it on NUMA node %d of the device, it is on "
			         "another",
			         name, device->numa_node);
	}
	if (dev == NULL) {
		IOAT_LOG(ERR, "%s: no dmadev can be had: too many, or no memory on any NUMA node",
		         name);
		return -ENOMEM;
	}
	dev->data->numa_node = (int16_t)device->numa_node;
	ch = dev->data->dev_private;
	*ch = *template;
	snprintf(ch->name, sizeof(ch->name), "%s", name);
	rc = ioat_chan_open(ch);
	if (rc < 0) {
		rte_dma_pmd_release(name);
		return rc;
	}
	dev->device = device;
	dev->dev_ops = &ioat_ops;
	dev->fp_obj->dev_private = ch;
	data_path_install(dev->fp_obj, ch);
	dev->state = RTE_DMA_DEV_READY;
	snprintf(ch->device, sizeof(ch->device), "%s", device->name);
	rc = ioat_mp_add(dev, ch, NULL);
	if (rc < 0) {
		IOAT_LOG(ERR, "%s: no memory to note it", name);
		rte_dma_pmd_release(name); /* closes it, too */
		return rc;
	}
	IOAT_LOG(INFO, "%s: version %u.%u, at most %u bytes per descriptor%s", name, ch->cbver >> 4,
	         ch->cbver & 0xf, ch->xfer_max, ch->bfill ? ", block fill" : "");
	return 0;
}

/* What a secondary process may not do: the ring and the registers belong to the primary. */
static int
attached_refuse(const struct rte_dma_dev *dev)
{
	IOAT_LOG(ERR, "%s: only the primary process configures, starts, stops and resets it",
	         dev->data->dev_name);
	return -ENOTSUP;
}

static int
attached_configure(struct rte_dma_dev *dev, const struct rte_dma_conf *conf __rte_unused,
                   uint32_t conf_sz __rte_unused)
{
	return attached_refuse(dev);
}

static int
attached_vchan_setup(struct rte_dma_dev *dev, uint16_t vchan __rte_unused,
                     const struct rte_dma_vchan_conf *conf __rte_unused,
                     uint32_t conf_sz __rte_unused)
{
	return attached_refuse(dev);
}

static int
attached_start_stop(struct rte_dma_dev *dev)
{
	return attached_refuse(dev);
}

static int
attached_close(struct rte_dma_dev *dev)
{
	ioat_mp_remove(dev);
	return 0;
}

/* The primary closes a channel without asking: dmadev here learns of it from what both share. */
static bool
attached_is_gone(const struct rte_dma_dev *dev)
{
	return dev->data->dev_private == NULL || dev->data->dev_private != dev->fp_obj->dev_private;
}

static int
attached_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t info_sz)
{
	return attached_is_gone(dev) ? -ENODEV : ops_info_get(dev, info, info_sz);
}

static int
attached_stats_get(const struct rte_dma_dev *dev, uint16_t vchan, struct rte_dma_stats *stats,
                   uint32_t stats_sz)
{
	return attached_is_gone(dev) ? -ENODEV : ops_stats_get(dev, vchan, stats, stats_sz);
}

static int
attached_stats_reset(struct rte_dma_dev *dev, uint16_t vchan __rte_unused)
{
	return attached_refuse(dev); /* the counters are its data path's */
}

static int
attached_vchan_status(const struct rte_dma_dev *dev, uint16_t vchan,
                      enum rte_dma_vchan_status *status)
{
	return attached_is_gone(dev) ? -ENODEV : ops_vchan_status(dev, vchan, status);
}

static int
attached_dump(const struct rte_dma_dev *dev, FILE *f)
{
	return attached_is_gone(dev) ? -ENODEV : ops_dump(dev, f);
}

static const struct rte_dma_dev_ops attached_ops = {
	.dev_info_get = attached_info_get,
	.dev_configure = attached_configure,
	.dev_start = attached_start_stop,
	.dev_stop = attached_start_stop,
	.dev_close = attached_close,
	.vchan_setup = attached_vchan_setup,
	.stats_get = attached_stats_get,
	.stats_reset = attached_stats_reset,
	.vchan_status = attached_vchan_status,
	.dev_dump = attached_dump,
};

int
ioat_dmadev_attach(struct ioat_chan *ch, struct rte_device *device, const struct ioat_mmio *regs)
{
	struct rte_dma_dev *dev;
	int rc;

	ioat_defer_sweep();
	dev = rte_dma_pmd_allocate(ch->name, device->numa_node, sizeof(*ch));
	if (dev == NULL)
		return -ENODEV;
	ioat_mp_remove(dev); /* one that the primary closed, whose id this one has got */
	rc = ioat_mp_add(dev, ch, regs);
	if (rc < 0) {
		rte_dma_pmd_release(ch->name);
		return rc;
	}
	dev->device = device;
	dev->dev_ops = &attached_ops;
	dev->fp_obj->dev_private = ch;
	if (regs != NULL)
		data_path_install(dev->fp_obj, ch);
	dev->state = RTE_DMA_DEV_READY;
	IOAT_LOG(INFO, "%s: attached to the primary's%s", ch->name,
	         regs == NULL ? ", without a data path" : "");
	return 0;
}
