/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "soak.h"

#include <string.h>

static void
lower_to(_Atomic uint64_t *word, uint64_t value)
{
	uint64_t old = atomic_load(word);

	while (old > value && !atomic_compare_exchange_weak(word, &old, value))
		;
}

void
soak_look(struct soak *s, struct soak_floor *floor)
{
	for (uint16_t k = 0; k < s->nb_places; k++) {
		struct soak_chan *c = atomic_load(&s->place[k].now);

		floor->chan[k] = c;
		floor->seq[k] = c != NULL ? atomic_load(&c->handed) : 0;
	}
}

/* The status of an operation is what its device gave it. */
static void
check_status(struct soak *s, struct soak_chan *c, const struct soak_slot *slot,
             const struct dcp_cpl *cpl)
{
	uint32_t i = (uint32_t)(slot - s->slot);

	if (cpl->status == DCP_ST_ABORTED) {
		if (!atomic_load(&c->abort))
			soak_wrong(s, "aborted though nobody has aborted the channel", cpl);
		atomic_fetch_add(&c->aborted, 1);
		atomic_fetch_add(&s->aborted, 1);
		lower_to(&c->abort_seq, cpl->seq);
		return;
	}
	rig_raise(&c->good_end, (uint64_t)cpl->seq + 1);
	if (s->src == NULL ? cpl->status != slot->status : (cpl->status != DCP_ST_OK) != slot->bad)
		soak_wrong(s, "not the status of this operation", cpl);
	if (s->src != NULL && !slot->bad &&
	    memcmp(s->dst + i * SOAK_LEN, s->src + i * SOAK_LEN, SOAK_LEN) != 0)
		soak_wrong(s, "finished, and the data is not there", cpl);
	if (cpl->status != DCP_ST_OK)
		atomic_fetch_add(&s->failed, 1);
}

static void
check_operation(struct soak *s, const struct soak_floor *floor, const struct dcp_cpl *cpl,
                const struct dcp_cpl *before, const struct soak_slot *slot)
{
	struct soak_chan *c = atomic_load(&s->by_id[cpl->chan]);

	if (c == NULL) {
		soak_wrong(s, "no such channel", cpl);
		return;
	}
	for (uint16_t k = 0; k < s->nb_places; k++) {
		if (floor->chan[k] == c && cpl->seq < floor->seq[k])
			soak_wrong(s, "handed out after a later one", cpl);
	}
	if (before != NULL && before->chan == cpl->chan && before->seq + 1 != cpl->seq)
		soak_wrong(s, "a gap in an array", cpl);
	if ((c->flags & DCP_CHAN_F_SERIAL) != 0 && c->serial_next++ != cpl->seq)
		soak_wrong(s, "a serial channel out of order", cpl);
	check_status(s, c, slot, cpl);
}

static void
check_record(struct soak *s, const struct soak_floor *floor, const struct dcp_cpl *cpl,
             const struct dcp_cpl *before)
{
	struct soak_slot *slot = &s->slot[(uint32_t)cpl->ctx % (SOAK_SENDERS * SOAK_SLOTS)];
	uint32_t nonce = (uint32_t)(cpl->ctx >> 32);
	bool posted = (uint32_t)cpl->ctx >= SOAK_ISSUERS * SOAK_SLOTS;

	if ((uint32_t)cpl->ctx >= SOAK_SENDERS * SOAK_SLOTS || nonce == 0 ||
	    posted != (cpl->chan == DCP_CHAN_POST)) {
		soak_wrong(s, "not a context that was issued", cpl);
		return;
	}
	if (atomic_load(&slot->live) != nonce) {
		soak_wrong(s, "came twice", cpl);
		return;
	}
	if (!posted)
		check_operation(s, floor, cpl, before, slot);
	else if (cpl->seq != slot->seq || cpl->status != slot->status)
		soak_wrong(s, "a post that was changed", cpl);
	/* From here on the slot is its owner's again. */
	if (!atomic_compare_exchange_strong(&slot->live, &nonce, 0))
		soak_wrong(s, "came twice", cpl);
	atomic_fetch_add(posted ? &s->posts : &s->records, 1);
}

void
soak_check(struct soak *s, const struct soak_floor *floor, const struct dcp_cpl *cpl, int n)
{
	struct soak_chan *c;

	for (int i = 0; i < n; i++)
		check_record(s, floor, &cpl[i], i == 0 ? NULL : &cpl[i - 1]);
	for (int i = 0; i < n; i++) {
		c = cpl[i].chan != DCP_CHAN_POST ? atomic_load(&s->by_id[cpl[i].chan]) : NULL;
		if (c == NULL)
			continue;
		rig_raise(&c->handed, (uint64_t)cpl[i].seq + 1);
		atomic_fetch_add(&c->checked, 1);
	}
}

void
soak_check_gone(struct soak *s, struct soak_chan *c, const struct soak_place *p, bool exact)
{
	const struct dcp_cpl of = {.chan = c->id, .seq = (uint32_t)atomic_load(&c->handed)};
	uint64_t accepted = atomic_load(&c->accepted), aborted = atomic_load(&c->aborted);

	if (atomic_load(&c->handed) != accepted)
		soak_wrong(s, "a channel is gone before its last record", &of);
	if (aborted != 0 && atomic_load(&c->abort_seq) < atomic_load(&c->good_end))
		soak_wrong(s, "finished after an aborted one", &of);
	/* What the device had reported is not aborted, the rest is. */
	if (exact && p->fake != NULL &&
	    accepted - aborted != p->fake->vchan[p->vchan].out - c->base)
		soak_wrong(s, "other operations are aborted than were not finished", &of);
}
