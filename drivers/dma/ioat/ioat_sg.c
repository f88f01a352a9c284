/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Operations that are not one plain descriptor: long, scattered, fenced, or of length 0.
 *
 * An operation's descriptors are counted first and written only if all of them fit, so that a
 * refused one leaves no trace. All but its last are marked in more[].
 */

#include <errno.h>

#include "ioat_ring.h"

/* Take the next descriptor for an operation that goes on. */
static void
sg_put(struct ioat_chan *ch, uint32_t ctrl, uint32_t size, uint64_t src, uint64_t dst)
{
	uint32_t slot = ch->tail & ch->mask;

	desc_write(&ch->desc[slot], ctrl, size, src, dst);
	ch->more[slot] = 1;
	ch->nb_more++;
	ch->tail++;
	ch->op_ahead--;
}

/* The chip halts on size 0, but a NULL descriptor moves nothing. */
static void
sg_put_null(struct ioat_chan *ch, uint32_t flags)
{
	sg_put(ch, DESC_CTRL_OP(IOAT_OP_COPY) | DESC_CTRL_NULL | flags, IOAT_NULL_SIZE, 0, 0);
}

/*
 * Begin an operation of @p need descriptors.
 *
 * dmadev's fence is "after all before me", the chip's is "before all after me": it belongs on the
 * descriptor before. Once that one was rung the chip may have read it, so a NULL descriptor of
 * our own carries the fence then.
 */
static int
sg_begin(struct ioat_chan *ch, uint32_t need, uint64_t flags)
{
	uint32_t used = ch->tail - ch->head;
	bool fence = (flags & RTE_DMA_OP_FLAG_FENCE) != 0 && used != 0;
	bool extra = fence && ch->tail == ch->rung;

	if (need > ch->mask && ch->mask != 0) /* 0: there is no ring yet */
		return -EINVAL;
	if (need + extra > ch->mask - used)
		return -ENOSPC;
	ch->splits += need > 1;
	if (extra)
		sg_put_null(ch, DESC_CTRL_FENCE);
	else if (fence)
		ch->desc[(ch->tail - 1) & ch->mask].ctrl |= DESC_CTRL_FENCE;
	return 0;
}

/* The last descriptor taken is the last of its operation. @return the ring_idx. */
static int
sg_end(struct ioat_chan *ch, uint64_t flags)
{
	uint16_t idx;

	ch->more[(ch->tail - 1) & ch->mask] = 0;
	ch->nb_more--;
	ch->op_ahead++;
	idx = ring_op_tail(ch) - 1;
	if ((flags & RTE_DMA_OP_FLAG_SUBMIT) != 0)
		ioat_ring_submit(ch, 0);
	return idx;
}

int
ioat_ring_put_odd(struct ioat_chan *ch, uint32_t op, uint64_t src, uint64_t dst, uint32_t len,
                  uint64_t flags)
{
	/* Before lost: it becomes 0 after that, perhaps in a thread that removes the device. */
	const uint32_t xfer_max = __atomic_load_n(&ch->xfer_max, __ATOMIC_ACQUIRE);
	uint32_t size;
	int rc;

	if (ch->lost)
		return -EIO;
	rc = sg_begin(ch, len == 0 ? 1 : (len - 1) / xfer_max + 1, flags);
	if (rc < 0)
		return rc;
	if (len == 0)
		sg_put_null(ch, 0);
	for (; len > 0; len -= size) {
		/* A multiple of 8 unless it is the last: the pattern of a fill keeps its phase. */
		size = RTE_MIN(len, xfer_max);
		sg_put(ch, op, size, src, dst);
		if (op == DESC_CTRL_OP(IOAT_OP_COPY))
			src += size;
		dst += size;
	}
	return sg_end(ch, flags);
}

/* One side of a scattered copy, at the byte where it goes on. */
struct sg_side {
	const struct rte_dma_sge *sge;
	uint16_t left; /* segments, the current one included */
	uint32_t done; /* bytes of the current one */
};

/* Bytes to the end of the current segment, empty ones passed over; 0: the side is used up. */
static uint32_t
sg_side_len(struct sg_side *side)
{
	for (; side->left > 0; side->left--, side->sge++, side->done = 0)
		if (side->sge->length != side->done)
			return side->sge->length - side->done;
	return 0;
}

/* Bytes that are contiguous on both sides and that a descriptor takes. */
static uint32_t
sg_piece(const struct ioat_chan *ch, struct sg_side *src, struct sg_side *dst)
{
	uint32_t len = RTE_MIN(sg_side_len(src), sg_side_len(dst));

	return RTE_MIN(len, ch->xfer_max);
}

/*
 * Descriptors of a copy, counted as far as a ring has them; 0: the sides differ in length, which
 * dmadev leaves open and which is a mistake, since bytes would be lost.
 */
static uint32_t
sg_count(const struct ioat_chan *ch, struct sg_side src, struct sg_side dst)
{
	uint32_t n = 0, len;

	while ((len = sg_piece(ch, &src, &dst)) > 0) {
		src.done += len;
		dst.done += len;
		if (++n > ch->mask)
			return n;
	}
	if (src.left != 0 || dst.left != 0)
		return 0;
	return RTE_MAX(n, 1u); /* nothing to move takes a descriptor, too */
}

int
ioat_ring_copy_sg(void *dev_private, uint16_t vchan __rte_unused, const struct rte_dma_sge *src,
                  const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags)
{
	struct ioat_chan *ch = dev_private;
	struct sg_side from = {.sge = src, .left = nb_src};
	struct sg_side to = {.sge = dst, .left = nb_dst};
	uint32_t need, len;
	uint32_t before;
	int rc;

	if (ch->lost)
		return -EIO;
	if (nb_src == 0 || nb_src > IOAT_MAX_SGES || nb_dst == 0 || nb_dst > IOAT_MAX_SGES)
		return -EINVAL;
	need = sg_count(ch, from, to);
	rc = need == 0 ? -EINVAL : sg_begin(ch, need, flags);
	if (rc < 0)
		return rc;
	before = ch->tail;
	while ((len = sg_piece(ch, &from, &to)) > 0) {
		sg_put(ch, DESC_CTRL_OP(IOAT_OP_COPY), len, from.sge->addr + from.done,
		       to.sge->addr + to.done);
		from.done += len;
		to.done += len;
	}
	if (ch->tail == before)
		sg_put_null(ch, 0);
	return sg_end(ch, flags);
}
