/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* A probe switches relaxed ordering of a PCI function off, and says where it cannot. */

#include <linux/pci_regs.h>
#include <stdlib.h>

#include "fake_pci.h"

static char *said;
static size_t said_len;

/* Probe the function, and keep what the driver says. */
static void
probe_and_listen(void)
{
	FILE *log;

	free(said);
	log = open_memstream(&said, &said_len);
	CHECK(log != NULL);
	rte_openlog_stream(log);
	CHECK_INT(fake_probe(), ==, 0);
	rte_openlog_stream(NULL);
	fclose(log);
}

static uint16_t
devctl(void)
{
	uint16_t value;

	memcpy(&value, fake.cfg + fake.express + PCI_EXP_DEVCTL, sizeof(value));
	return value;
}

TEST(probe_switches_relaxed_ordering_off_wherever_the_capability_is)
{
	static const uint8_t places[] = {0x40, 0x90, 0xa4, 0xe0};
	size_t i;

	for (i = 0; i < RTE_DIM(places); i++) {
		fake_plug(IOAT_MODEL_ICX, 1);
		fake_express(places[i]);
		probe_and_listen();
		CHECK_INT(devctl(), ==, FAKE_DEVCTL & ~PCI_EXP_DEVCTL_RELAX_EN);
		CHECK_INT(fake.devctl_writes, ==, 1);
		CHECK(strstr(said, "relaxed ordering cannot") == NULL);
		fake_unplug();
	}
}

TEST(probe_writes_nothing_where_relaxed_ordering_is_off_or_there_is_no_capability)
{
	fake_plug(IOAT_MODEL_ICX, 1);
	fake.cfg[fake.express + PCI_EXP_DEVCTL] = 0;
	probe_and_listen();
	CHECK_INT(fake.devctl_writes, ==, 0);
	fake_unplug();
	fake_plug(IOAT_MODEL_ICX, 1);
	fake_express(0);
	probe_and_listen();
	CHECK_INT(fake.devctl_writes, ==, 0);
	CHECK(strstr(said, "relaxed ordering cannot") == NULL);
	fake_unplug();
}

TEST(list_of_capabilities_without_an_end_is_given_up)
{
	fake_plug(IOAT_MODEL_ICX, 1);
	fake.cfg[fake.express] = PCI_CAP_ID_PM;
	fake.cfg[fake.express + 1] = fake.express;
	probe_and_listen();
	CHECK_INT(fake.devctl_writes, ==, 0);
	fake_unplug();
}

TEST(function_whose_configuration_space_cannot_be_read_or_written_is_driven_with_a_warning)
{
	bool *const faults[] = {&fake.cfg_unreadable, &fake.cfg_refuses, &fake.cfg_ignores};
	size_t i;

	for (i = 0; i < RTE_DIM(faults); i++) {
		fake_plug(IOAT_MODEL_ICX, 1);
		*faults[i] = true;
		probe_and_listen();
		CHECK(strstr(said, "0000:00:04.0: relaxed ordering cannot be switched off") !=
		      NULL);
		CHECK_INT(rte_dma_get_dev_id_by_name("0000:00:04.0"), >=, 0);
		fake_unplug();
	}
}

TEST_LIST

int
main(void)
{
	return eal_test_main("--no-huge -m 64 --no-pci --no-shconf -l 0 --no-telemetry",
	                     "driver_order");
}
