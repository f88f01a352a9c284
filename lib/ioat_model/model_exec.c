/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <string.h>

#include "ioat_model_priv.h"

/** A piece of the host's memory that holds descriptors, for the length of one step. */
struct model_view {
	const unsigned char *data;
	uint64_t addr;
	size_t len;
};

/** One end of a job where it goes on. */
struct model_end {
	uint64_t addr;
	size_t len; /* bytes to the next break, or mapped at @c data */
	void *data; /* NULL: cannot be mapped */
};

/** Copy the descriptor at @p addr. @return whether the host granted it. */
static bool
model_load(const struct ioat_model *model, struct model_view *view, uint64_t addr,
           struct ioat_desc *desc)
{
	const struct ioat_model_host *host = &model->host;
	uint64_t skip = addr - view->addr;

	if (skip >= view->len || view->len - skip < sizeof(*desc)) {
		/* Rings are contiguous more often than not: look up once for many. */
		view->len = UINT64_MAX - addr < MODEL_CHUNK ? sizeof(*desc) : MODEL_CHUNK;
		view->data = NULL;
		if (host->map != NULL)
			view->data = host->map(host->ctx, addr, &view->len, IOAT_MODEL_READ);
		if (view->data == NULL || view->len < sizeof(*desc)) {
			view->len = 0;
			return host->dma_read(host->ctx, addr, desc, sizeof(*desc)) >= 0;
		}
		view->addr = addr;
		skip = 0;
	}
	memcpy(desc, view->data + skip, sizeof(*desc));
	return true;
}

/** Bytes of a job before its page break: all of them if there is none. */
static uint32_t
model_first_part(const struct ioat_desc *desc, uint32_t flag, uint64_t addr)
{
	uint32_t room = IOAT_PAGE_SIZE - (uint32_t)(addr % IOAT_PAGE_SIZE);

	return (desc->ctrl & flag) && room < desc->size ? room : desc->size;
}

/**
 * Check a job's addresses, which only its own two parts can do. They must not wrap; the rest is
 * for the host to say.
 * @return a CHANERR bit; 0: good.
 */
static uint32_t
model_check_ranges(const struct model_job *job)
{
	const struct ioat_desc *desc = &job->desc;
	uint32_t src_rest = desc->size - job->src_first, dst_rest = desc->size - job->dst_first;

	if (src_rest > IOAT_PAGE_SIZE || dst_rest > IOAT_PAGE_SIZE)
		return CHANERR_LENGTH; /* two pages do not hold it */
	if (desc->ctrl >> DESC_CTRL_OP_SHIFT == IOAT_OP_COPY &&
	    (model_range_wraps(desc->src, job->src_first) ||
	     (src_rest != 0 && model_range_wraps(desc->src2, src_rest))))
		return CHANERR_SRC_ADDR;
	if (model_range_wraps(desc->dst, job->dst_first) ||
	    (dst_rest != 0 && model_range_wraps(desc->dst2, dst_rest)))
		return CHANERR_DST_ADDR;
	return 0;
}

/**
 * Check the copy of a descriptor and prepare its job.
 * @return a CHANERR bit; 0: good.
 */
static uint32_t
model_check(const struct ioat_model *model, struct model_job *job)
{
	const struct ioat_desc *desc = &job->desc;
	uint32_t allowed;

	if (desc->ctrl >> DESC_CTRL_OP_SHIFT == IOAT_OP_COPY)
		allowed = DESC_CTRL_COPY_BITS;
	else if (desc->ctrl >> DESC_CTRL_OP_SHIFT == IOAT_OP_FILL && (model->dmacap & DMACAP_BFILL))
		allowed = DESC_CTRL_FILL_BITS | DESC_CTRL_OP(IOAT_OP_FILL);
	else
		return CHANERR_CONTROL;
	if (desc->ctrl & ~allowed)
		return CHANERR_CONTROL;
	if (desc->size == 0 || desc->size > model->xfer_max)
		return CHANERR_LENGTH;
	if (desc->ctrl & DESC_CTRL_NULL) {
		job->done = desc->size; /* nothing to move, no address to look at */
		return 0;
	}
	job->done = 0;
	job->src_first = model_first_part(desc, DESC_CTRL_SRC_BREAK, desc->src);
	job->dst_first = model_first_part(desc, DESC_CTRL_DST_BREAK, desc->dst);
	return model_check_ranges(job);
}

/** Fetch the next descriptor and make it the job in flight. @return false: the channel halted. */
static bool
model_fetch(struct ioat_model *model, struct model_chan *mc, struct model_view *view)
{
	struct model_job *job = &mc->job;
	uint64_t addr = mc->fetch;
	uint32_t bad;

	mc->cdar = addr;
	if (mc->armed != 0 && model_fault_strike(model, mc))
		return false;
	if (addr % IOAT_DESC_ALIGN != 0 || model_range_wraps(addr, IOAT_DESC_SIZE))
		bad = mc->first ? CHANERR_CHAIN_ADDR : CHANERR_NEXT_ADDR;
	else if (!model_load(model, view, addr, &job->desc))
		bad = mc->first ? CHANERR_DESC : CHANERR_NEXT_ADDR;
	else
		bad = model_check(model, job);
	if (bad != 0) {
		model_chan_error(model, mc, bad);
		return false;
	}
	job->addr = addr;
	job->live = true;
	job->suspend = false;
	return true;
}

/** Find where one end of a job goes on, and map it if that is possible. */
static struct model_end
model_end_find(const struct ioat_model *model, uint64_t addr, uint64_t addr2, uint32_t first,
               uint32_t done, uint32_t want, unsigned int rights)
{
	const struct ioat_model_host *host = &model->host;
	struct model_end end = {.addr = addr + done, .len = want};

	if (done >= first)
		end.addr = addr2 + (done - first);
	else if (first - done < want)
		end.len = first - done;
	if (host->map != NULL) {
		size_t len = end.len;

		end.data = host->map(host->ctx, end.addr, &len, rights);
		if (end.data != NULL)
			end.len = len;
	}
	return end;
}

static uint32_t
model_read_error(int rc)
{
	return rc == -EIO ? CHANERR_READ_DATA : CHANERR_SRC_ADDR;
}

static uint32_t
model_write_error(int rc)
{
	return rc == -EIO ? CHANERR_WRITE_DATA : CHANERR_DST_ADDR;
}

static size_t
model_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/**
 * Copy some of the next @p want bytes of a job.
 * @return a CHANERR bit; 0: good, and @p moved bytes (at least 1) done.
 */
static uint32_t
model_copy(struct ioat_model *model, const struct model_job *job, uint32_t want, size_t *moved)
{
	const struct ioat_model_host *host = &model->host;
	const struct ioat_desc *desc = &job->desc;
	struct model_end src, dst;
	size_t n;
	int rc;

	src = model_end_find(model, desc->src, desc->src2, job->src_first, job->done, want,
	                     IOAT_MODEL_READ);
	dst = model_end_find(model, desc->dst, desc->dst2, job->dst_first, job->done, want,
	                     IOAT_MODEL_WRITE);
	n = model_min(src.len, dst.len);
	if (src.data != NULL && dst.data != NULL) {
		memmove(dst.data, src.data, n); /* the guest may let them overlap */
		*moved = n;
		return 0;
	}
	/* Not from one end to the other: the host's copy need not allow that they overlap. */
	n = model_min(n, sizeof(model->bounce));
	if (src.data != NULL) {
		memcpy(model->bounce, src.data, n);
	} else {
		rc = host->dma_read(host->ctx, src.addr, model->bounce, n);
		if (rc < 0)
			return model_read_error(rc);
	}
	if (dst.data != NULL) {
		memcpy(dst.data, model->bounce, n);
	} else {
		rc = host->dma_write(host->ctx, dst.addr, model->bounce, n);
		if (rc < 0)
			return model_write_error(rc);
	}
	*moved = n;
	return 0;
}

/** Store the 8 bytes of @p pattern again and again, starting with byte number @p phase. */
static void
model_fill_memory(unsigned char *to, size_t n, uint64_t pattern, unsigned int phase)
{
	uint64_t block[8];
	unsigned int i;

	if (phase != 0)
		pattern = pattern >> (8 * phase) | pattern << (64 - 8 * phase);
	for (i = 0; i < 8; i++)
		block[i] = pattern;
	for (; n >= sizeof(block); n -= sizeof(block), to += sizeof(block))
		memcpy(to, block, sizeof(block));
	memcpy(to, block, n);
}

/**
 * Fill some of the next @p want bytes of a job.
 * @return a CHANERR bit; 0: good, and @p moved bytes (at least 1) done.
 */
static uint32_t
model_fill(struct ioat_model *model, const struct model_job *job, uint32_t want, size_t *moved)
{
	const struct ioat_model_host *host = &model->host;
	const struct ioat_desc *desc = &job->desc;
	struct model_end dst;
	int rc;

	dst = model_end_find(model, desc->dst, desc->dst2, job->dst_first, job->done, want,
	                     IOAT_MODEL_WRITE);
	*moved = dst.len;
	if (dst.data != NULL) {
		model_fill_memory(dst.data, dst.len, desc->src, job->done % 8);
		return 0;
	}
	*moved = model_min(dst.len, sizeof(model->bounce));
	model_fill_memory(model->bounce, *moved, desc->src, job->done % 8);
	rc = host->dma_write(host->ctx, dst.addr, model->bounce, *moved);
	return rc < 0 ? model_write_error(rc) : 0;
}

/**
 * Work on the job in flight until it is done, fails or @p budget bytes are used up.
 * @return the cost; at most @p budget rounded up to MODEL_CHUNK.
 */
static size_t
model_run(struct ioat_model *model, struct model_chan *mc, size_t budget)
{
	struct model_job *job = &mc->job;
	size_t used = 0, moved;
	uint32_t want, bad;

	while (job->done < job->desc.size) {
		if (used >= budget)
			return used;
		want = job->desc.size - job->done;
		if (want > budget - used)
			want = (uint32_t)((budget - used + MODEL_CHUNK - 1) / MODEL_CHUNK *
			                  MODEL_CHUNK);
		if (want > job->desc.size - job->done)
			want = job->desc.size - job->done;
		if (job->desc.ctrl >> DESC_CTRL_OP_SHIFT == IOAT_OP_COPY)
			bad = model_copy(model, job, want, &moved);
		else
			bad = model_fill(model, job, want, &moved);
		if (bad != 0) {
			model_chan_error(model, mc, bad);
			return used + MODEL_DESC_COST; /* 0 would say that nothing happened */
		}
		job->done += (uint32_t)moved;
		mc->count.bytes += moved;
		used += moved;
	}
	model_chan_complete(model, mc);
	return used;
}

void
model_exec_finish(struct ioat_model *model, struct model_chan *mc)
{
	if (mc->job.live)
		model_run(model, mc, MODEL_TRAP);
}

size_t
ioat_model_step(struct ioat_model *model, unsigned int chan, size_t budget)
{
	struct model_view view = {0};
	struct model_chan *mc;
	size_t used = 0;

	if (chan >= model->chancnt || budget == 0)
		return 0;
	mc = &model->chan[chan];
	if (mc->late.steps != 0) {
		model_fault_release(model, mc);
		used = MODEL_DESC_COST;
	}
	while (mc->state == IOAT_STATE_ACTIVE && used < budget) {
		if (!mc->job.live) {
			used += MODEL_DESC_COST;
			if (!model_fetch(model, mc, &view))
				break;
		}
		used += model_run(model, mc, used < budget ? budget - used : 0);
	}
	return used;
}
