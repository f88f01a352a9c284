/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The way of other processes to the registers of an emulated channel, served by a slow engine. */

#include <pthread.h>
#include <stdatomic.h>

#include "eal.h"
#include "test.h"

#include "ioat_emu_port.h"
#include "ioat_hw.h"

#define SLOW 0x10u /* a register that takes longer to read than a client waits */

static struct ioat_emu_port *port;
static atomic_uint writes;
static atomic_bool stop;

static uint64_t
engine_read(void *ctx __rte_unused, uint32_t offset, unsigned int width __rte_unused)
{
	if (offset == SLOW)
		rte_delay_us_sleep(1500000);
	return offset;
}

static void
engine_write(void *ctx __rte_unused, uint32_t offset __rte_unused, unsigned int width __rte_unused,
             uint64_t value __rte_unused)
{
	atomic_fetch_add(&writes, 1);
}

static void *
engine(void *arg __rte_unused)
{
	static const struct ioat_mmio_ops ops = {.read = engine_read, .write = engine_write};

	while (!atomic_load(&stop)) {
		emu_port_serve(port, &ops, NULL);
		rte_delay_us_sleep(20);
	}
	return NULL;
}

TEST(answer_that_comes_too_late_is_not_that_of_the_next_access_which_is_done)
{
	struct ioat_mmio m = {.ops = &ioat_emu_port_mmio_ops};
	pthread_t thread;

	port = emu_port_create();
	assert_non_null(port);
	m.ctx = port;
	CHECK_INT(pthread_create(&thread, NULL, engine, NULL), ==, 0);
	CHECK_INT(mmio_read32(&m, SLOW), ==, UINT32_MAX);
	mmio_write32(&m, 0x30, 5);
	CHECK_INT(atomic_load(&writes), ==, 1);
	CHECK_INT(mmio_read32(&m, 0x20), ==, 0x20);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	emu_port_destroy(port);
}

TEST_LIST

int
main(void)
{
	return eal_test_main("--no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry",
	                     "driver_port");
}
