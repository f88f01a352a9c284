/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * The data path: copy, fill, submit, completed, completed_status, burst_capacity.
 *
 * The device is read in one place only, its completion word in memory. A halt found there is
 * handled at once (ring_halted): the culprit is noted in ch->failure and the channel runs on
 * behind it. Until that failure is reported nothing newer is looked at, so at most one is
 * pending and statuses cannot be mixed up.
 */

#include <errno.h>
#include <string.h>

#include "ioat_priv.h"

typedef uint64_t __attribute__((may_alias)) desc_word;

/*
 * The words of a descriptor that change from use to use; the link is set once per ring. Size and
 * control leave in one store (an atomic one: gcc 12 builds slower vectors of plain ones).
 */
static __rte_always_inline void
desc_write(struct ioat_desc *d, uint32_t ctrl, uint32_t size, uint64_t src, uint64_t dst)
{
	__atomic_store_n((desc_word *)d, size | (uint64_t)ctrl << 32, __ATOMIC_RELAXED);
	d->src = src;
	d->dst = dst;
}

/* The ring_idx that the next operation gets. */
static __rte_always_inline uint16_t
ring_op_tail(const struct ioat_chan *ch)
{
	return ch->tail + ch->op_ahead;
}

/*
 * dmadev's fence is "after all before me", the chip's is "before all after me": it belongs on the
 * descriptor before. Once that one was rung the chip may have read it, so a NULL descriptor of
 * our own carries the fence then.
 */
static __rte_noinline int
ring_fence(struct ioat_chan *ch)
{
	uint16_t slot;

	if (ch->tail == ch->head)
		return 0;
	if (ch->tail != ch->rung) {
		ch->desc[(uint16_t)(ch->tail - 1) & ch->mask].ctrl |= DESC_CTRL_FENCE;
		return 0;
	}
	if ((uint16_t)(ch->tail - ch->head) + 1 >= ch->mask)
		return -ENOSPC;
	slot = ch->tail++ & ch->mask;
	ch->op_ahead--;
	ch->more[slot] = 1;
	ch->nb_more++;
	desc_write(&ch->desc[slot], DESC_CTRL_NULL | DESC_CTRL_FENCE, IOAT_NULL_SIZE, 0, 0);
	return 0;
}

/* The last descriptor of a submit writes the completion word, of a long one also some before. */
static __rte_always_inline void
ring_kick(struct ioat_chan *ch)
{
	uint16_t last = ch->tail - 1, left, d;

	for (left = last - ch->rung, d = ch->rung - 1; unlikely(left >= ch->compl_every);
	     left -= ch->compl_every) {
		d += ch->compl_every;
		ch->desc[d & ch->mask].ctrl |= DESC_CTRL_COMPL;
	}
	ch->desc[last & ch->mask].ctrl |= DESC_CTRL_COMPL;
	ch->submitted += (uint16_t)(ring_op_tail(ch) - ch->op_rung);
	ch->op_rung = ring_op_tail(ch);
	ch->rung = ch->tail;
	mmio_write_doorbell(ch->doorbell, ch->tail - ch->base);
}

/* Take the next descriptor and the next ring_idx; there is room and the length fits. */
static __rte_always_inline int
ring_write(struct ioat_chan *ch, uint32_t op, uint64_t src, uint64_t dst, uint32_t len,
           uint64_t flags)
{
	uint16_t tail = ch->tail;
	uint16_t idx = tail + ch->op_ahead;

	ch->tail = tail + 1; /* first: the next call waits for it */
	desc_write(&ch->desc[tail & ch->mask], op, len, src, dst);
	if (flags & RTE_DMA_OP_FLAG_SUBMIT)
		ring_kick(ch);
	return idx;
}

/* One slot stays empty: the chip reports by address, a full lap would look like none. */
static __rte_always_inline bool
ring_is_full(const struct ioat_chan *ch)
{
	return (uint16_t)(ch->tail - ch->head) >= ch->mask;
}

/* A full ring, a fence, or a length that no descriptor takes (a lost channel takes none). */
static __rte_noinline int
ring_put_odd(struct ioat_chan *ch, uint32_t op, uint64_t src, uint64_t dst, uint32_t len,
             uint64_t flags)
{
	int rc;

	if (ch->lost)
		return -EIO;
	if (ring_is_full(ch))
		return -ENOSPC;
	if (len > ch->xfer_max)
		return -EINVAL;
	if (len == 0) { /* the chip halts on size 0, but a NULL descriptor moves nothing */
		op = DESC_CTRL_OP(IOAT_OP_COPY) | DESC_CTRL_NULL;
		len = IOAT_NULL_SIZE;
	}
	if (flags & RTE_DMA_OP_FLAG_FENCE) {
		rc = ring_fence(ch);
		if (rc < 0)
			return rc;
	}
	return ring_write(ch, op, src, dst, len, flags);
}

static __rte_always_inline int
ring_put(struct ioat_chan *ch, uint32_t op, uint64_t src, uint64_t dst, uint32_t len,
         uint64_t flags)
{
	/* len - 1: 0 wraps and is odd too. */
	if (unlikely(ring_is_full(ch) || len - 1 >= ch->xfer_max ||
	             (flags & RTE_DMA_OP_FLAG_FENCE) != 0))
		return ring_put_odd(ch, op, src, dst, len, flags);
	return ring_write(ch, op, src, dst, len, flags);
}

static int
ioat_ring_copy(void *dev_private, uint16_t vchan __rte_unused, rte_iova_t src, rte_iova_t dst,
               uint32_t length, uint64_t flags)
{
	return ring_put(dev_private, DESC_CTRL_OP(IOAT_OP_COPY), src, dst, length, flags);
}

static int
ioat_ring_fill(void *dev_private, uint16_t vchan __rte_unused, uint64_t pattern, rte_iova_t dst,
               uint32_t length, uint64_t flags)
{
	return ring_put(dev_private, DESC_CTRL_OP(IOAT_OP_FILL), pattern, dst, length, flags);
}

static int
ioat_ring_submit(void *dev_private, uint16_t vchan __rte_unused)
{
	struct ioat_chan *ch = dev_private;

	if (ch->tail == ch->rung)
		return ch->lost ? -EIO : 0;
	ring_kick(ch);
	return 0;
}

static uint16_t
ioat_ring_burst_capacity(const void *dev_private, uint16_t vchan __rte_unused)
{
	const struct ioat_chan *ch = dev_private;

	return ch->lost ? 0 : ch->mask - (uint16_t)(ch->tail - ch->head);
}

/*
 * Descriptors from head on that the address in a completion word covers. An address outside the
 * ring, or of a slot that is not rung, counts for nothing.
 */
static __rte_always_inline uint16_t
ring_descs_done(const struct ioat_chan *ch, uint64_t word)
{
	uint64_t offset = (word & CHANSTS_DESC) - ch->ring_iova; /* 0 is outside, too */
	uint16_t n;

	if (unlikely(offset > (uint64_t)ch->mask * IOAT_DESC_SIZE))
		return 0;
	n = (uint16_t)(offset / IOAT_DESC_SIZE + 1 - ch->head) & ch->mask;
	return likely(n <= (uint16_t)(ch->rung - ch->head)) ? n : 0;
}

/*
 * Operations from op_head on, max at the most, that are finished once n descriptors from head on
 * are. Looks at no more descriptors than those operations have.
 */
static __rte_always_inline uint16_t
ring_ops_done(const struct ioat_chan *ch, uint16_t n, uint16_t max)
{
	uint16_t ops = 0, i;

	if (likely(ch->nb_more == 0))
		return RTE_MIN(n, max);
	for (i = 0; i < n && ops < max; i++)
		ops += ch->more[(uint16_t)(ch->head + i) & ch->mask] == 0;
	return ops;
}

/* Descriptors from head on that a halted channel finished. */
static uint16_t
ring_descs_before_halt(const struct ioat_chan *ch, uint64_t word)
{
	uint16_t since = ch->base - ch->head;

	if ((word & CHANSTS_DESC) != 0)
		return ring_descs_done(ch, word);
	/* None since CHAINADDR; what lies before that descriptor was finished earlier. */
	return since <= (uint16_t)(ch->rung - ch->head) ? since : 0;
}

void
ioat_ring_cut(struct ioat_chan *ch, uint64_t word, enum rte_dma_status_code first,
              enum rte_dma_status_code rest)
{
	uint16_t n = (word & CHANSTS_STATE) == IOAT_STATE_HALTED ? ring_descs_before_halt(ch, word)
	                                                         : ring_descs_done(ch, word);

	ch->cut.set = true;
	ch->cut.op = ch->op_head + ring_ops_done(ch, n, UINT16_MAX);
	ch->cut.first = first;
	ch->cut.rest = rest;
}

void
ioat_ring_close_down(struct ioat_chan *ch)
{
	ch->submitted += (uint16_t)(ring_op_tail(ch) - ch->op_rung);
	ch->op_rung = ring_op_tail(ch);
	ch->rung = ch->tail;
	ch->xfer_max = 0;
}

bool
ioat_ring_is_drained(const struct ioat_chan *ch)
{
	uint64_t word = __atomic_load_n(ch->status, __ATOMIC_ACQUIRE);

	return (word & CHANSTS_STATE) == IOAT_STATE_HALTED ||
	       ring_descs_done(ch, word) == (uint16_t)(ch->rung - ch->head);
}

/* The completion word says HALTED: find the culprit, run on behind it. */
static __rte_noinline uint16_t
ring_halted(struct ioat_chan *ch, uint64_t word)
{
	uint16_t n = ring_descs_before_halt(ch, word);
	uint16_t good = ring_ops_done(ch, n, UINT16_MAX);
	uint16_t bad = ch->op_head + good;
	uint16_t end = ch->head + n;
	bool blame = end != ch->rung; /* a spurious halt may find nothing outstanding */

	if (blame) {
		while (ch->more[end & ch->mask] != 0)
			end++;
		end++;
	}
	if (ioat_chan_recover(ch, end) < 0) {
		ioat_ring_cut(ch, word,
		              blame ? ioat_chan_error_status(ch->last_chanerr)
		                    : RTE_DMA_STATUS_NOT_ATTEMPTED,
		              RTE_DMA_STATUS_NOT_ATTEMPTED);
		ioat_ring_close_down(ch);
		return good;
	}
	if (blame) {
		ch->failure.set = true;
		ch->failure.op = bad;
		ch->failure.status = ioat_chan_error_status(ch->last_chanerr);
	}
	return good;
}

/* Operations from op_head on that can be reported as successful, for a caller who takes max. */
static __rte_always_inline uint16_t
ring_good(struct ioat_chan *ch, uint16_t max)
{
	uint64_t word = __atomic_load_n(ch->status, __ATOMIC_ACQUIRE);
	uint16_t n;

	if (unlikely(ch->failure.set))
		return ch->failure.op - ch->op_head;
	if (unlikely(ch->cut.set)) {
		n = ch->cut.op - ch->op_head;
		return n <= (uint16_t)(ch->op_rung - ch->op_head) ? n : 0;
	}
	if (unlikely((word & CHANSTS_STATE) == IOAT_STATE_HALTED))
		return ring_halted(ch, word);
	return ring_ops_done(ch, ring_descs_done(ch, word), max);
}

/* Take n operations that consist of more descriptors than n off the ring. */
static __rte_noinline void
ring_retire_more(struct ioat_chan *ch, uint16_t n)
{
	uint8_t *more;

	while (n > 0) {
		more = &ch->more[ch->head++ & ch->mask];
		if (*more == 0) {
			n--;
		} else {
			*more = 0;
			ch->nb_more--;
		}
	}
}

/* Give back the descriptors of the n operations from op_head on; they are finished. */
static __rte_always_inline void
ring_retire(struct ioat_chan *ch, uint16_t n)
{
	if (unlikely(ch->nb_more != 0))
		ring_retire_more(ch, n);
	else
		ch->head += n;
	ch->op_head += n;
	ch->completed += n;
}

/* Whether the operation at op_head is known to have failed, and how. */
static __rte_always_inline bool
ring_bad(const struct ioat_chan *ch, enum rte_dma_status_code *status)
{
	if (unlikely(ch->failure.set && ch->failure.op == ch->op_head)) {
		*status = ch->failure.status;
		return true;
	}
	if (unlikely(ch->cut.set && !ch->failure.set && ch->op_head != ch->op_rung)) {
		*status = ch->op_head == ch->cut.op ? ch->cut.first : ch->cut.rest;
		return true;
	}
	return false;
}

/* The failed operation at op_head was reported. */
static void
ring_forgive(struct ioat_chan *ch)
{
	ch->errors++;
	ch->failure.set = false;
	ring_retire(ch, 1);
}

/*
 * Report up to max operations in order. Without room for statuses the walk ends at the first that
 * failed, which stays at the front. Each turn reports at least one operation or is the last.
 */
static __rte_always_inline uint16_t
ring_reap(struct ioat_chan *ch, uint16_t max, uint16_t *last_idx, bool *has_error,
          enum rte_dma_status_code *status)
{
	enum rte_dma_status_code bad;
	uint16_t n = 0, k, i;

	while (n < max) {
		k = ring_good(ch, max - n);
		k = RTE_MIN(k, (uint16_t)(max - n));
		ring_retire(ch, k);
		if (status != NULL)
			for (i = 0; i < k; i++)
				status[n + i] = RTE_DMA_STATUS_SUCCESSFUL;
		n += k;
		if (n == max || !ring_bad(ch, &bad))
			break;
		if (status == NULL) {
			*has_error = true;
			break;
		}
		ring_forgive(ch);
		status[n++] = bad;
	}
	*last_idx = ch->op_head - 1;
	return n;
}

uint16_t
ioat_ring_completed(void *dev_private, uint16_t vchan __rte_unused, const uint16_t nb_cpls,
                    uint16_t *last_idx, bool *has_error)
{
	return ring_reap(dev_private, nb_cpls, last_idx, has_error, NULL);
}

uint16_t
ioat_ring_completed_status(void *dev_private, uint16_t vchan __rte_unused, const uint16_t nb_cpls,
                           uint16_t *last_idx, enum rte_dma_status_code *status)
{
	return ring_reap(dev_private, nb_cpls, last_idx, NULL, status);
}

void
ioat_ring_restart(struct ioat_chan *ch)
{
	enum rte_dma_status_code bad;

	/* Bounded: each turn takes at least one of the rung operations off. */
	while (ch->op_head != ch->op_rung) {
		ring_retire(ch, ring_good(ch, ch->op_rung - ch->op_head));
		if (!ring_bad(ch, &bad))
			break;
		ring_forgive(ch);
	}
	if (ch->nb_more != 0)
		memset(ch->more, 0, ch->mask + 1u);
	ch->nb_more = 0;
	ch->tail = 0;
	ch->head = 0;
	ch->rung = 0;
	ch->base = 0;
	ch->op_ahead = 0;
	ch->op_head = 0;
	ch->op_rung = 0;
	ch->failure.set = false;
	ch->cut.set = false;
}

void
ioat_ring_install(struct rte_dma_fp_object *fp)
{
	fp->copy = ioat_ring_copy;
	fp->fill = ioat_ring_fill;
	fp->submit = ioat_ring_submit;
	fp->completed = ioat_ring_completed;
	fp->completed_status = ioat_ring_completed_status;
	fp->burst_capacity = ioat_ring_burst_capacity;
}
