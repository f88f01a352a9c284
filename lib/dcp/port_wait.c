/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include <rte_branch_prediction.h>

#include "dcp_os.h"
#include "dcp_priv.h"

#define NAP_FIRST_NS 10000u

void
worker_wake(struct dcp_waiter *waiter)
{
	if (waiter != NULL)
		dcp_os_wake(&waiter->seat.state);
}

void
port_rouse(struct dcp_port *port, enum dcp_bed_state at_least)
{
	enum dcp_bed_state state = dcp_bed_rouse(&port->slots.bed, at_least);

	if (likely(state == DCP_BED_AWAKE))
		return;
	if (state == DCP_BED_VACANT)
		worker_wake(slots_fill(&port->slots));
	else if (port->watch.open)
		dcp_watch_call(&port->watch);
	else
		dcp_os_wake(&port->slots.bed.state);
}

void
port_settle(struct dcp_port *port)
{
	struct dcp_waiter *waiter;

	/* Of dcp_close() and the last delivery, at least one sees what the other has stored. */
	DCP_STEP();
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&port->sealed, memory_order_relaxed) || port_owes(port))
		return;
	while ((waiter = slots_shut_one(&port->slots)) != NULL)
		worker_wake(waiter);
	port_rouse(port, DCP_BED_NAP);
}

/* Others may have the serial channels of the previous get from now on. */
void
worker_drop_held(struct dcp_worker *w)
{
	struct dcp_chan *c, *next;

	for (c = w->held; c != NULL; c = next) {
		next = c->next_held; /* after the store it is the next holder's */
		DCP_STEP();
		atomic_store_explicit(&c->holder, NULL, memory_order_release);
	}
	w->held = NULL;
}

static bool
port_is_shut(const struct dcp_port *port)
{
	DCP_STEP();
	return atomic_load_explicit(&port->slots.shut, memory_order_relaxed);
}

static int
worker_shut(struct dcp_worker *w)
{
	worker_set_thread(w, 0);
	worker_wake(slots_give(&w->port->slots, &w->wait));
	return -ESHUTDOWN;
}

static uint64_t
deadline_after(uint64_t timeout_ns)
{
	uint64_t now;

	if (timeout_ns == DCP_FOREVER)
		return UINT64_MAX;
	now = dcp_os_now_ns();
	return timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
}

/* The leader sleeps: until work is added when there is none, else for a nap.
 * @return false: there is something to look at now.
 */
static bool
lead_sleep(struct dcp_worker *w, uint64_t *nap_ns, uint64_t now, uint64_t deadline)
{
	struct dcp_port *port = w->port;
	enum dcp_bed_state state = port_has_work(port) ? DCP_BED_NAP : DCP_BED_DEEP;
	bool stay_up;

	dcp_bed_announce(&port->slots.bed, state);
	stay_up = port_is_shut(port) || port_has_posts(port) ||
	          (state == DCP_BED_DEEP && port_has_work(port));
	if (!stay_up) {
		dcp_count(&w->naps, 1);
		if (state == DCP_BED_NAP)
			deadline = RTE_MIN(deadline, now + *nap_ns);
		if (port->watch.open)
			dcp_watch_sleep(&port->watch, deadline);
		else
			dcp_os_sleep(&port->slots.bed.state, state, deadline);
		*nap_ns = RTE_MIN(*nap_ns * 2, port->nap_ns);
	}
	dcp_bed_leave(&port->slots.bed);
	return !stay_up;
}

/* The leader leaves. It need not wake another one to look when there is nothing to look for. */
static void
lead_end(struct dcp_worker *w, bool found)
{
	struct dcp_port *port = w->port;

	if (!found || port_owes(port)) {
		worker_wake(slots_lead_end(&port->slots, &w->wait));
		return;
	}
	slots_vacate(&port->slots, &w->wait);
	if (port_owes(port))
		worker_wake(slots_fill(&port->slots));
}

/* Poll for all that wait, until there is something or the time is over.
 * @return -EAGAIN: workers that came back have used up the limit; or what dcp_get() returns.
 */
static int
lead(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max, uint64_t deadline)
{
	struct dcp_port *port = w->port;
	uint64_t now = dcp_os_now_ns(), spin_end = now + port->spin_ns;
	uint64_t nap_ns = RTE_MIN(NAP_FIRST_NS, port->nap_ns);
	uint32_t spins = 0;
	int rc;

	for (;; now = dcp_os_now_ns()) {
		rc = -EAGAIN;
		if (!slots_may_run(&port->slots, &w->wait))
			break;
		rc = port_poll(w, out, max);
		if (rc != 0)
			break;
		rc = port_is_shut(port) ? -ESHUTDOWN : -ETIMEDOUT;
		if (rc == -ESHUTDOWN || now >= deadline)
			break;
		/* What there is to look at may be in the hands of a thread that waits for this
		 * processor.
		 */
		if (now < spin_end || !lead_sleep(w, &nap_ns, now, deadline))
			dcp_os_relax(spins++);
	}
	lead_end(w, rc > 0);
	return rc;
}

/* Sleep until called to lead. @return 0: called; or what dcp_get() returns. */
static int
park(struct dcp_worker *w, uint64_t deadline)
{
	struct dcp_seat *seat = &w->wait.seat;
	uint32_t state;

	while ((state = dcp_seat_look(seat)) == DCP_SEAT_PARKED) {
		if (deadline != UINT64_MAX && dcp_os_now_ns() >= deadline) {
			if (slots_expire(&w->port->slots, &w->wait))
				return -ETIMEDOUT;
			continue;
		}
		dcp_os_sleep(&seat->state, DCP_SEAT_PARKED, deadline);
	}
	dcp_seat_set(seat, DCP_SEAT_FREE);
	return state == DCP_SEAT_SHUT ? -ESHUTDOWN : 0;
}

static int
wait_asleep(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max, uint64_t timeout_ns)
{
	uint64_t deadline = deadline_after(timeout_ns);
	int rc;

	do {
		enum slots_role role = slots_enter(&w->port->slots, &w->wait);

		rc = role == SLOTS_SHUT ? -ESHUTDOWN : 0;
		if (role == SLOTS_PARK)
			rc = park(w, deadline);
		if (rc == 0)
			rc = lead(w, out, max, deadline);
	} while (rc == -EAGAIN);
	return rc == -ESHUTDOWN ? worker_shut(w) : rc;
}

/* Look again and again; what NOSLEEP workers do. */
static int
wait_awake(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max, uint64_t timeout_ns)
{
	struct dcp_slots *slots = &w->port->slots;
	uint64_t deadline = deadline_after(timeout_ns);
	uint32_t spins = 0;
	int rc;

	for (;;) {
		if (slots_may_run(slots, &w->wait) || slots_try(slots, &w->wait)) {
			rc = port_poll(w, out, max);
			if (rc != 0)
				return rc;
		}
		if (port_is_shut(w->port))
			return worker_shut(w);
		if (deadline != UINT64_MAX && dcp_os_now_ns() >= deadline) {
			slots_take(slots, &w->wait);
			return -ETIMEDOUT;
		}
		dcp_os_relax(spins++);
	}
}

int
worker_wait(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max, uint64_t timeout_ns)
{
	if (timeout_ns == 0)
		return unlikely(port_is_shut(w->port)) ? worker_shut(w) : -EAGAIN;
	if ((w->flags & DCP_WORKER_F_NOSLEEP) == 0)
		return wait_asleep(w, out, max, timeout_ns);
	return wait_awake(w, out, max, timeout_ns);
}

void
dcp_block(struct dcp_worker *w, bool begin)
{
	struct dcp_slots *slots = &w->port->slots;

	if (w->blocked == begin)
		return;
	w->blocked = begin;
	if (!begin) {
		worker_set_thread(w, thread_self());
		slots_take(slots, &w->wait);
		return;
	}
	worker_drop_held(w);
	worker_set_thread(w, 0);
	worker_wake(slots_give(slots, &w->wait));
}
