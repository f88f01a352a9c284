/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* A channel as a dmadev: info, configure, vchan set-up, start, stop, statistics, status, dump. */

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "ioat_priv.h"

RTE_LOG_REGISTER(ioat_log_type, pmd.dma.ioat_pmd, NOTICE);

/*
 * All open channels of this process. An application may close a dmadev behind the back of the
 * front door that made it, and its name may then be another's.
 */
static struct ioat_chan *open_channels;

static void
open_channels_remove(struct ioat_chan *ch)
{
	struct ioat_chan **at;

	for (at = &open_channels; *at != NULL; at = &(*at)->next) {
		if (*at == ch) {
			*at = ch->next;
			return;
		}
	}
}

static int
ops_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t info_sz)
{
	const struct ioat_chan *ch = dev->data->dev_private;

	if (info_sz < sizeof(*info))
		return -EINVAL;
	info->dev_capa = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_OPS_COPY |
	                 RTE_DMA_CAPA_OPS_COPY_SG | RTE_DMA_CAPA_HANDLES_ERRORS;
	if (ch->bfill)
		info->dev_capa |= RTE_DMA_CAPA_OPS_FILL;
	info->max_vchans = 1;
	info->min_desc = IOAT_RING_MIN;
	info->max_desc = IOAT_RING_MAX;
	info->max_sges = IOAT_MAX_SGES;
	return 0;
}

static int
ops_configure(struct rte_dma_dev *dev __rte_unused, const struct rte_dma_conf *conf,
              uint32_t conf_sz)
{
	/* dmadev has checked the number of vchans and the capabilities against our info. */
	return conf_sz == sizeof(*conf) ? 0 : -EINVAL;
}

/* Descriptors, the completion word in a line of its own, then a byte per descriptor. */
static const struct rte_memzone *
ring_reserve(const struct rte_dma_dev *dev, uint32_t slots)
{
	static atomic_uint serial; /* a zone that outlives its channel keeps its name */
	size_t len = slots * (IOAT_DESC_SIZE + 1) + RTE_CACHE_LINE_SIZE;
	const struct ioat_chan *ch = dev->data->dev_private;
	const struct rte_memzone *mz;
	char name[RTE_MEMZONE_NAMESIZE];

	snprintf(name, sizeof(name), "ioat_ring_%d_%u", dev->data->dev_id,
	         atomic_fetch_add(&serial, 1));
	mz = rte_memzone_reserve_aligned(name, len, dev->data->numa_node, RTE_MEMZONE_IOVA_CONTIG,
	                                 IOAT_DESC_ALIGN);
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
	uint32_t slots = RTE_MAX(rte_align32pow2(conf->nb_desc), IOAT_SLOTS_MIN);
	size_t ring = (size_t)slots * IOAT_DESC_SIZE;
	const struct rte_memzone *mz;

	if (conf_sz != sizeof(*conf))
		return -EINVAL;
	if (ch->lost) {
		IOAT_LOG(ERR, "%s: the channel is lost, its ring cannot be replaced", ch->name);
		return -EIO;
	}
	mz = ring_reserve(dev, slots);
	if (mz == NULL)
		return -ENOMEM;
	/* The channel was reset at open or stop: it does not write to the old ring. */
	ioat_ring_restart(ch);
	rte_memzone_free(ch->mz);
	ch->mz = mz;
	ch->nb_desc = conf->nb_desc;
	ioat_chan_set_ring(ch, &(struct ioat_ring_mem){
				       .slots = slots,
				       .desc = mz->addr,
				       .desc_iova = mz->iova,
				       .status = RTE_PTR_ADD(mz->addr, ring),
				       .status_iova = mz->iova + ring,
				       .more = RTE_PTR_ADD(mz->addr, ring + RTE_CACHE_LINE_SIZE),
			       });
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
	return ioat_chan_start(ch);
}

static int
ops_stop(struct rte_dma_dev *dev)
{
	return ioat_chan_stop(dev->data->dev_private);
}

static int
ops_close(struct rte_dma_dev *dev)
{
	struct ioat_chan *ch = dev->data->dev_private;

	if (ioat_chan_close(ch) < 0)
		IOAT_LOG(ERR, "%s: not reset, %zu bytes stay reserved since it may write to them",
		         ch->name, ch->mz == NULL ? 0 : ch->mz->len);
	else
		rte_memzone_free(ch->mz);
	ch->mz = NULL;
	open_channels_remove(ch);
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

static const char *
state_name(enum ioat_state state)
{
	static const char *const name[] = {"ACTIVE", "DONE", "SUSPENDED", "HALTED", "ARMED"};

	return (unsigned int)state < RTE_DIM(name) ? name[state] : "undefined";
}

static int
ops_dump(const struct rte_dma_dev *dev, FILE *f)
{
	const struct ioat_chan *ch = dev->data->dev_private;
	uint64_t sts = mmio_read64(&ch->regs, IOAT_CHANSTS);

	fprintf(f, "  channel %u of its function, version %u.%u, at most %u bytes per descriptor\n",
	        ch->index, ch->cbver >> 4, ch->cbver & 0xf, ch->xfer_max);
	fprintf(f, "  CHANSTS 0x%016" PRIx64 " (%s), CHANERR 0x%08x, DMACOUNT %u\n", sts,
	        state_name((enum ioat_state)(sts & CHANSTS_STATE)),
	        mmio_read32(&ch->regs, IOAT_CHANERR), mmio_read16(&ch->regs, IOAT_DMACOUNT));
	fprintf(f, "  CHAINADDR 0x%016" PRIx64 ", CHANCMP 0x%016" PRIx64 "\n",
	        mmio_read64(&ch->regs, IOAT_CHAINADDR), mmio_read64(&ch->regs, IOAT_CHANCMP));
	if (ch->mz == NULL) {
		fprintf(f, "  no ring: rte_dma_vchan_setup() was not called\n");
		return 0;
	}
	fprintf(f, "  ring of %u descriptors (%u asked for) at IOVA 0x%" PRIx64 "\n", ch->mask + 1u,
	        ch->nb_desc, ch->ring_iova);
	fprintf(f, "  completion word 0x%016" PRIx64 " at IOVA 0x%" PRIx64 "\n",
	        __atomic_load_n(ch->status, __ATOMIC_RELAXED), ch->status_iova);
	fprintf(f, "  descriptors: next %u, rung %u, oldest %u, counted from %u\n", ch->tail,
	        ch->rung, ch->head, ch->base);
	fprintf(f, "  operations: next %u, submitted %u, oldest %u%s%s\n",
	        (uint16_t)(ch->tail + ch->op_ahead), ch->op_rung, ch->op_head,
	        ch->failure.set ? ", a failure waits" : "", ch->lost ? ", channel lost" : "");
	fprintf(f, "  recoveries %" PRIu64 ", last CHANERR 0x%08x\n", ch->recoveries,
	        ch->last_chanerr);
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
ioat_dmadev_create(const char *name, struct rte_device *device, const struct ioat_chan *template,
                   struct rte_dma_dev **out)
{
	struct rte_dma_dev *dev;
	struct ioat_chan *ch;
	int rc;

	if (rte_dma_get_dev_id_by_name(name) >= 0) {
		IOAT_LOG(ERR, "%s: there is a dmadev of this name already", name);
		return -EEXIST;
	}
	dev = rte_dma_pmd_allocate(name, device->numa_node, sizeof(*ch));
	if (dev == NULL) {
		IOAT_LOG(ERR, "%s: no dmadev can be had: too many, or no memory", name);
		return -ENOMEM;
	}
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
	ioat_ring_install(dev->fp_obj);
	dev->state = RTE_DMA_DEV_READY;
	ch->dev = dev;
	ch->next = open_channels;
	open_channels = ch;
	IOAT_LOG(INFO, "%s: version %u.%u, at most %u bytes per descriptor%s", name, ch->cbver >> 4,
	         ch->cbver & 0xf, ch->xfer_max, ch->bfill ? ", block fill" : "");
	*out = dev;
	return 0;
}

/* A channel that cannot be reset fails its first stop; the second finds it stopped. */
static int
channel_destroy(struct ioat_chan *ch)
{
	const struct rte_dma_dev_data *data = ch->dev->data;
	unsigned int tries;

	for (tries = 0; tries < 2 && data->dev_started; tries++)
		rte_dma_stop(data->dev_id);
	return rte_dma_close(data->dev_id);
}

int
ioat_dmadev_destroy(const struct rte_device *device)
{
	struct ioat_chan *ch, *next;
	int rc = 0;

	for (ch = open_channels; ch != NULL && rc == 0; ch = next) {
		next = ch->next;
		if (ch->dev->device == device)
			rc = channel_destroy(ch);
	}
	return rc;
}
