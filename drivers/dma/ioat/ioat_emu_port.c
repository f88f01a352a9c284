/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <time.h>

#include "ioat_dpdk.h"
#include "ioat_emu_port.h"

#define ANSWER_SECONDS 1
#define PAUSE_US       10

/** The slot's states: the client asks and takes, the engine accepts and answers. */
enum {
	PORT_IDLE,
	PORT_ASKED,
	PORT_ACCEPTED,
	PORT_ANSWERED,
};

struct ioat_emu_port *
emu_port_create(void)
{
	struct ioat_emu_port *port = rte_zmalloc("ioat_emu_port", sizeof(*port), 0);
	pthread_mutexattr_t attr;

	if (port == NULL)
		return NULL;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&port->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return port;
}

void
emu_port_destroy(struct ioat_emu_port *port)
{
	if (port == NULL)
		return;
	pthread_mutex_destroy(&port->lock);
	rte_free(port);
}

void
emu_port_serve(struct ioat_emu_port *port, const struct ioat_mmio_ops *ops, void *ctx)
{
	unsigned int asked = PORT_ASKED;

	if (atomic_load_explicit(&port->state, memory_order_relaxed) != PORT_ASKED)
		return;
	/* The client may just have given up. */
	if (!atomic_compare_exchange_strong_explicit(&port->state, &asked, PORT_ACCEPTED,
	                                             memory_order_acquire, memory_order_relaxed))
		return;
	if (port->write)
		ops->write(ctx, port->offset, port->width, port->value);
	else
		port->value = ops->read(ctx, port->offset, port->width);
	atomic_store_explicit(&port->state, PORT_ANSWERED, memory_order_release);
}

static struct timespec
deadline(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts); /* the clock of pthread_mutex_timedlock() */
	ts.tv_sec += ANSWER_SECONDS;
	return ts;
}

/*
 * The client before gave up or died: what it asked for is taken back, or over, before the slot is
 * used again. Locked. @return 0; -ETIMEDOUT: the engine is still at it.
 */
static int
port_settle(struct ioat_emu_port *port)
{
	uint64_t end = rte_get_timer_cycles() + ANSWER_SECONDS * rte_get_timer_hz();
	unsigned int state = PORT_ASKED;

	atomic_compare_exchange_strong(&port->state, &state, PORT_IDLE);
	while (atomic_load_explicit(&port->state, memory_order_acquire) == PORT_ACCEPTED) {
		if (rte_get_timer_cycles() >= end)
			return -ETIMEDOUT;
		rte_delay_us_sleep(PAUSE_US);
	}
	return 0;
}

/* Have one access served, locked. @return 0; -ETIMEDOUT: nobody answers. */
static int
port_ask(struct ioat_emu_port *port)
{
	uint64_t end = rte_get_timer_cycles() + ANSWER_SECONDS * rte_get_timer_hz();
	unsigned int state = PORT_ASKED;

	atomic_store_explicit(&port->state, PORT_ASKED, memory_order_release);
	while (atomic_load_explicit(&port->state, memory_order_acquire) != PORT_ANSWERED) {
		if (rte_get_timer_cycles() < end) {
			rte_delay_us_sleep(PAUSE_US);
			continue;
		}
		/* Take it back, so that it does not happen at some later time. */
		if (atomic_compare_exchange_strong(&port->state, &state, PORT_IDLE))
			return -ETIMEDOUT;
		if (state != PORT_ANSWERED) /* accepted: port_settle() before the next */
			return -ETIMEDOUT;
	}
	atomic_store_explicit(&port->state, PORT_IDLE, memory_order_relaxed);
	return 0;
}

/* One access of @p width bytes; what is read replaces @p value, all ones where nobody answers. */
static void
port_access(struct ioat_emu_port *port, uint32_t offset, unsigned int width, bool write,
            uint64_t *value)
{
	const struct timespec end = deadline();
	int rc = pthread_mutex_timedlock(&port->lock, &end);

	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(&port->lock);
	if (rc != 0) {
		*value = UINT64_MAX >> (64 - 8 * width);
		return;
	}
	rc = port_settle(port);
	if (rc == 0) {
		port->offset = offset;
		port->width = width;
		port->write = write;
		port->value = *value;
		rc = port_ask(port);
		*value = port->value;
	}
	pthread_mutex_unlock(&port->lock);
	if (rc != 0)
		*value = UINT64_MAX >> (64 - 8 * width);
}

static uint64_t
port_read(void *ctx, uint32_t offset, unsigned int width)
{
	uint64_t value = 0;

	port_access(ctx, offset, width, false, &value);
	return value;
}

static void
port_write(void *ctx, uint32_t offset, unsigned int width, uint64_t value)
{
	port_access(ctx, offset, width, true, &value);
}

const struct ioat_mmio_ops ioat_emu_port_mmio_ops = {
	.read = port_read,
	.write = port_write,
};
