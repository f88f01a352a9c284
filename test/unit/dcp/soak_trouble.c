/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "soak.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>

#define DEL_WAIT (20 * MS)

/* What happens to a device, with all its channels. */
enum trouble {
	TROUBLE_DRAIN,    /* channels are deleted when all is delivered */
	TROUBLE_ABORT,    /* a device is stopped while it works */
	TROUBLE_HALT,     /* it stands still for a while, and is stopped */
	TROUBLE_DOORBELL, /* rte_dma_submit() fails */
	TROUBLE_WILL_RUN, /* it does not stop when asked for the first time */
	TROUBLE_LAST_IDX, /* it reports a last_idx that is wrong */
	TROUBLE_COUNT,    /* it reports one operation too many */
	TROUBLE_RING_IDX, /* its indices make a jump */
	TROUBLE_KINDS,
	TROUBLE_KINDS_REAL = TROUBLE_HALT, /* on devices that are not scripted */
};

void
soak_add_chan(struct soak *s, struct soak_place *p)
{
	struct soak_chan *c = calloc(1, sizeof(*c));
	int id = dcp_chan_add(s->port, p->dev_id, p->vchan, 0, p->flags);

	if (c == NULL || id < 0) {
		const struct dcp_cpl of = {.status = (uint16_t)-id};

		soak_wrong(s, "dcp_chan_add() failed", &of);
		return;
	}
	c->id = (uint16_t)id;
	c->flags = p->flags;
	atomic_store(&c->abort_seq, UINT64_MAX);
	c->base = p->fake != NULL ? p->fake->vchan[p->vchan].out : 0;
	c->older = s->chans;
	s->chans = c;
	s->nb_chans++;
	atomic_store(&s->by_id[c->id], c);
	atomic_store(&p->now, c);
}

/* Wait until a channel is gone, and all who use it have seen it. */
static void
delete_chan(struct soak *s, struct soak_actor *a, struct soak_place *p, bool abort, bool exact)
{
	struct soak_chan *c = atomic_load(&p->now);
	bool late; /* a real device may not stop in time, either */
	int rc;

	soak_doing(a, abort ? "deletes with abort channel" : "deletes channel", c->id);
	do {
		rc = dcp_chan_del(s->port, c->id, abort, soak_dice(a, 2) * DEL_WAIT);
		late = rc == -ETIMEDOUT || (rc == -EIO && abort && p->fake == NULL);
		if (late)
			soak_pause(a, 300);
	} while (late);
	if (rc != 0) {
		const struct dcp_cpl of = {.chan = c->id, .status = (uint16_t)-rc};

		soak_wrong(s, "dcp_chan_del() failed", &of);
	}
	atomic_store(&p->now, NULL);
	soak_doing(a, "waits for those who use channel", c->id);
	while (atomic_load(&c->users) != 0 || atomic_load(&c->checked) != atomic_load(&c->accepted))
		soak_pause(a, 100);
	soak_check_gone(s, c, p, exact);
}

static struct fake_vchan *
fake_vchan_of(const struct soak_place *p)
{
	return &p->fake->vchan[p->vchan];
}

/* Break a device that is at work. @return whether it still counts right. */
static bool
break_device(struct soak *s, struct soak_actor *a, struct soak_place *p, enum trouble kind)
{
	const struct soak_chan *c = atomic_load(&p->now);
	struct fake_vchan *v = fake_vchan_of(p);

	switch (kind) {
	case TROUBLE_HALT:
		atomic_store(&v->allow, 0);
		break;
	case TROUBLE_DOORBELL:
		atomic_store(&v->submit_errno, -EIO);
		break;
	case TROUBLE_LAST_IDX:
		atomic_store(&v->lie_idx, (uint16_t)(1 + soak_dice(a, 1000)));
		break;
	case TROUBLE_COUNT:
		atomic_store(&v->lie_count, 1);
		break;
	case TROUBLE_RING_IDX:
		atomic_store(&v->first_idx, (uint16_t)soak_dice(a, UINT16_MAX));
		break;
	case TROUBLE_WILL_RUN:
		p->fake->stop_errno = -1;
		if (dcp_chan_del(s->port, c->id, true, DEL_WAIT) != -EIO)
			soak_wrong(s, "a device that did not stop was believed", NULL);
		p->fake->stop_errno = 0;
		break;
	default:
		break;
	}
	soak_pause(a, 5000);
	return kind < TROUBLE_LAST_IDX;
}

/* The engine of an emulated device is a thread that waits for its turn like all others. The
 * watchdog ends this.
 */
static void
start_device(struct soak_actor *a, int16_t dev_id)
{
	soak_doing(a, "starts device", (uint64_t)dev_id);
	while (rte_dma_start(dev_id) != 0)
		soak_pause(a, 10000);
}

/* What the application does after an abort. */
static void
restart_device(struct soak_actor *a, const struct soak_place *p)
{
	if (p->fake == NULL) {
		start_device(a, p->dev_id);
		return;
	}
	p->fake->stopped = false;
	for (int i = 0; i < FAKE_VCHANS; i++) {
		struct fake_vchan *v = &p->fake->vchan[i];

		v->in = v->out = v->rung = 0;
		atomic_store(&v->first_idx, (uint16_t)soak_dice(a, UINT16_MAX));
		atomic_store(&v->allow, FAKE_ALL);
		atomic_store(&v->lie_idx, 0);
		atomic_store(&v->lie_count, 0);
		atomic_store(&v->submit_errno, 0);
	}
}

static void
abort_device(struct soak *s, struct soak_actor *a, struct soak_place *p, enum trouble kind)
{
	int16_t dev_id = p->dev_id;
	bool exact = true;

	for (uint16_t k = 0; k < s->nb_places; k++) {
		struct soak_chan *c = atomic_load(&s->place[k].now);

		if (s->place[k].dev_id != dev_id)
			continue;
		atomic_store(&c->trouble, true);
		atomic_store(&c->abort, true);
	}
	if (p->fake != NULL)
		exact = break_device(s, a, p, kind);
	for (uint16_t k = 0; k < s->nb_places; k++) {
		if (s->place[k].dev_id == dev_id)
			delete_chan(s, a, &s->place[k], true, exact || &s->place[k] != p);
	}
	restart_device(a, p);
	for (uint16_t k = 0; k < s->nb_places; k++) {
		if (s->place[k].dev_id == dev_id)
			soak_add_chan(s, &s->place[k]);
	}
}

static void
drain_chan(struct soak *s, struct soak_actor *a, struct soak_place *p)
{
	struct soak_chan *c = atomic_load(&p->now);

	atomic_store(&c->trouble, true);
	delete_chan(s, a, p, false, true);
}

/* Two at a time, so that each comes to where the other was in the port. */
static void
drain_two(struct soak *s, struct soak_actor *a, struct soak_place *p)
{
	struct soak_place *other = &s->place[soak_dice(a, s->nb_places)];

	drain_chan(s, a, p);
	if (other != p) {
		drain_chan(s, a, other);
		soak_add_chan(s, other);
	}
	soak_add_chan(s, p);
}

void *
soak_troublemaker(void *role)
{
	struct soak *s = ((struct soak_role *)role)->s;
	struct soak_actor *a = ((struct soak_role *)role)->a;

	while (!atomic_load(&s->calm)) {
		struct soak_place *p = &s->place[soak_dice(a, s->nb_places)];
		enum trouble kind = (enum trouble)soak_dice(
			a, p->fake != NULL ? TROUBLE_KINDS : TROUBLE_KINDS_REAL);

		if (kind == TROUBLE_DRAIN)
			drain_two(s, a, p);
		else
			abort_device(s, a, p, kind);
		soak_doing(a, "pauses", 0);
		soak_pause(a, 30000);
	}
	atomic_store(&a->here, false);
	return NULL;
}
