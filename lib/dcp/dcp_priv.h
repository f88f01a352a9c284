/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_PRIV_H
#define DCP_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_debug.h>
#include <rte_dmadev.h>

#include "dcp.h"
#include "dcp_slots.h"
#include "dcp_sync.h"
#include "dcp_watch.h"

/* Counters and positions have one writer at a time, who holds a lock or is the only thread. */

static inline uint64_t
dcp_peek(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void
dcp_put(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline void
dcp_count(_Atomic uint64_t *word, uint64_t more)
{
	dcp_put(word, dcp_peek(word) + more);
}

/** A dmadev. One lock, because dmadev forbids parallel calls even on different vchans. */
struct dcp_dev {
	struct dcp_lock lock;
	/* Control lock: */
	uint16_t refs; /* channels; 0: no device */
	int16_t id;
	bool stopped; /* by an abort */
} __rte_cache_aligned;

enum dcp_chan_state {
	DCP_CHAN_FREE,
	DCP_CHAN_LIVE,
	DCP_CHAN_DRAINING, /* accepts nothing, the device works */
	DCP_CHAN_FAULT,    /* accepts nothing, the device is not believed any more */
	DCP_CHAN_STOPPED,  /* the device stands still: what it has not finished is aborted */
};

struct dcp_worker;
struct dcp_chan;

/**
 * What is behind a channel that is no dmadev. Its completions make a file descriptor readable that
 * is in the port's watch; so what is in flight is nothing that a sleeping leader must poll for.
 */
struct dcp_source {
	/** Store records of what has finished, at most @p max. The device's lock. */
	uint16_t (*deliver)(struct dcp_source *s, struct dcp_chan *c, struct dcp_cpl *out,
	                    uint16_t max);
	/** Make what is in flight end soon. Control lock. @return 0 or a negative errno. */
	int (*cancel)(struct dcp_source *s);
	/** Whether a thread is inside a call of the source. The device's lock. */
	bool (*busy)(const struct dcp_source *s);
	/** Free it; the channel is gone. Control lock. */
	void (*release)(struct dcp_source *s);
};

/** A channel. Three positions run free: delivered <= noted <= issued <= delivered + depth. */
struct dcp_chan {
	/* Written under the device's lock, read by anybody. */
	_Atomic uint64_t issued;    /* accepted */
	_Atomic uint64_t noted;     /* finished, as the port knows */
	_Atomic uint64_t delivered; /* returned by dcp_get() */
	_Atomic uint32_t state;     /* enum dcp_chan_state */
	_Atomic uint32_t id;
	struct dcp_dev *_Atomic dev;       /* NULL: free */
	struct dcp_source *_Atomic source; /* NULL: a dmadev */
	struct dcp_worker *_Atomic holder; /* of a serial channel; cleared by the holder alone */
	/* Under the device's lock. */
	uint64_t *ctx;    /* by position & mask */
	uint16_t *status; /* the same, of what is noted and not delivered */
	int16_t dev_id;
	uint16_t vchan;
	uint32_t mask;      /* depth - 1 */
	uint16_t first_idx; /* ring_idx of position 0, known from then on */
	uint16_t max_sges;
	uint32_t flags;
	uint32_t ops;               /* bit mask of enum dcp_op_type */
	struct dcp_chan *next_held; /* the holder's */
	_Atomic uint64_t key;
	_Atomic uint64_t failed, aborted, full, max_depth;
} __rte_cache_aligned;

static inline struct dcp_dev *
chan_dev(const struct dcp_chan *c)
{
	return atomic_load_explicit(&c->dev, memory_order_relaxed);
}

/* To be followed under the device's lock only. */
static inline struct dcp_source *
chan_source(const struct dcp_chan *c)
{
	return atomic_load_explicit(&c->source, memory_order_relaxed);
}

/** Lock the device of a channel. The place may have become another channel's meanwhile; as long as
 * the lock is held it stays what it is. @return NULL: no channel is in this place.
 */
static inline struct dcp_dev *
chan_lock(struct dcp_chan *c)
{
	struct dcp_dev *dev = chan_dev(c);

	if (unlikely(dev == NULL))
		return NULL;
	dcp_lock_take(&dev->lock);
	if (likely(chan_dev(c) == dev))
		return dev;
	dcp_lock_drop(&dev->lock);
	return NULL;
}

static inline uint32_t
chan_id(const struct dcp_chan *c)
{
	return atomic_load_explicit(&c->id, memory_order_relaxed);
}

static inline enum dcp_chan_state
chan_state(const struct dcp_chan *c)
{
	return (enum dcp_chan_state)atomic_load_explicit(&c->state, memory_order_relaxed);
}

static inline void
chan_set_state(struct dcp_chan *c, enum dcp_chan_state state)
{
	atomic_store_explicit(&c->state, state, memory_order_relaxed);
}

/** In debug builds: the positions are in order, and no more is held than there is room for. */
static inline void
chan_assert_sound(const struct dcp_chan *c)
{
	RTE_ASSERT(dcp_peek(&c->issued) - dcp_peek(&c->delivered) <= (uint64_t)c->mask + 1);
	RTE_ASSERT(dcp_peek(&c->noted) - dcp_peek(&c->delivered) <=
	           dcp_peek(&c->issued) - dcp_peek(&c->delivered));
	(void)c;
}

struct dcp_worker {
	struct dcp_waiter wait; /* first: a waiter is a worker */
	struct dcp_port *port;
	struct dcp_chan *held; /* serial channels */
	uint32_t rotor;        /* the source to begin with */
	uint32_t flags;
	bool used, blocked;
	_Atomic uintptr_t thread; /* who runs as this worker: thread_self(); 0: nobody */
	_Atomic uint64_t full_gets, empty_gets, lock_misses, naps;
} __rte_cache_aligned;

/* Its address tells threads apart. Initial-exec: without a call, which pthread_self() would be. */
extern _Thread_local char thread_mark
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

static inline uintptr_t
thread_self(void)
{
	return (uintptr_t)&thread_mark;
}

static inline void
worker_set_thread(struct dcp_worker *w, uintptr_t thread)
{
	atomic_store_explicit(&w->thread, thread, memory_order_relaxed);
}

/** A bounded queue of records under a lock. */
struct dcp_posts {
	struct dcp_lock lock;
	uint32_t depth, mask;
	_Atomic uint64_t in, out;
	struct dcp_cpl *ring;
} __rte_cache_aligned;

struct dcp_port {
	TAILQ_ENTRY(dcp_port) entry;
	char name[32];
	uint16_t max_chans, max_workers;
	uint32_t id_mask; /* the part of a channel's id that is its place */
	uint64_t spin_ns, nap_ns;
	struct dcp_chan *chans;
	struct dcp_dev *devs; /* max_chans of them: one each at most */
	struct dcp_worker *workers;
	struct dcp_stats gone;      /* what deleted channels and workers had counted */
	_Atomic uint32_t used;      /* places of channels that were ever taken */
	_Atomic bool closing;       /* no more work from now on */
	_Atomic bool sealed;        /* and none is on its way in */
	_Atomic bool have_sleepers; /* there was a worker that sleeps */
	bool sleepers_expected;     /* and all who add work see that; control lock */
	_Atomic uint32_t never;     /* nobody wakes who sleeps on this */
	struct dcp_posts posts;
	struct dcp_slots slots __rte_cache_aligned;
	struct dcp_watch watch; /* with DCP_F_URING: where the leader sleeps */
};

/* port.c: control; the lock is one for all ports of the process. */
void port_control_lock(void);
void port_control_unlock(void);
/** The port that has a device; NULL: none. Control lock. */
struct dcp_port *port_of_device(int16_t dev_id, struct dcp_dev **dev);
/** Wait until all who have entered a data path call before now have left its locked part. Not under
 * the control lock: one of them may wait for a processor, and other ports need not wait with it.
 */
void port_pass_locks(struct dcp_port *port);

/* port_chan.c */
/** Add the counters of a channel. The device's lock. */
void chan_stats(const struct dcp_chan *c, struct dcp_stats *sum);
/** The channel with an id, or NULL. Control lock. */
struct dcp_chan *chan_find(struct dcp_port *port, uint16_t id);
/** As dcp_chan_add() without a dmadev. Control lock. */
int chan_add_source(struct dcp_port *port, struct dcp_source *s, uint64_t key);

/* port_issue.c: data path, in. */
/** Why a channel accepts nothing, or 0. The device's lock. */
int chan_issue_error(const struct dcp_port *port, const struct dcp_chan *c, uint16_t chan);
/** Keep the most that a channel has ever held. The device's lock. */
void chan_note_depth(struct dcp_chan *c, uint64_t depth);

/* port_get.c: data path, out. */
/** Take what there is. @return records. */
uint16_t port_poll(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max);
/** Take note of what the device has finished, at most @p budget. The device's lock. */
uint32_t chan_note(struct dcp_chan *c, uint32_t budget);
/** Whether a look could bring records now or later; what a watch reports does not count. */
bool port_has_work(const struct dcp_port *port);
bool port_has_posts(const struct dcp_port *port);
/** Whether something was accepted and is not delivered. */
bool port_owes(const struct dcp_port *port);

/* port_wait.c */
/** After work was added: wake the leader if it sleeps as deeply as that, or fill a vacant lead. */
void port_rouse(struct dcp_port *port, enum dcp_bed_state at_least);
/** After a delivery while closing, and after closing: let all workers go if that was all. */
void port_settle(struct dcp_port *port);
void worker_drop_held(struct dcp_worker *w);
/** A first look has found nothing, or was not allowed. @return what dcp_get() does. */
int worker_wait(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max, uint64_t timeout_ns);
void worker_wake(struct dcp_waiter *waiter);

#endif /* DCP_PRIV_H */
