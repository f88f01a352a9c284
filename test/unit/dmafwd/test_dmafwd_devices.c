/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "test.h"

#include <errno.h>
#include <sys/wait.h>

#include <rte_eal.h>

#include "devices.h"

#define NO_EAL 77

/* In a process of its own, for EAL starts once: what devices_check() says to this command line. */
static int
check_devices(const char *devices)
{
	char line[256], *argv[16];
	int argc, status = 0;
	pid_t pid;

	snprintf(line, sizeof(line),
	         "test --no-huge -m 64 --no-pci --no-shconf --no-telemetry -l 0 "
	         "--log-level=critical %s",
	         devices);
	argc = test_words(line, argv, 15);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(rte_eal_init(argc, argv) < 0 ? NO_EAL : -devices_check());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_EAL)
		SKIP("EAL does not start here");
	return -WEXITSTATUS(status);
}

TEST(devices_that_were_made_pass)
{
	CHECK_INT(check_devices(""), ==, 0);
	CHECK_INT(check_devices("--vdev=net_null0 --vdev=dma_skeleton0"), ==, 0);
}

TEST(a_device_that_cannot_be_made_is_missed_wherever_it_stands)
{
	CHECK_INT(check_devices("--vdev=net_af_packet0,iface=/ --vdev=net_null1"), ==, -ENODEV);
	CHECK_INT(check_devices("--vdev=net_null1 --vdev=net_af_packet0,iface=/"), ==, -ENODEV);
	CHECK_INT(check_devices("--vdev=net_af_packet0,iface=/"), ==, -ENODEV);
}

TEST(a_pci_device_that_does_not_exist_is_missed)
{
	CHECK_INT(check_devices("-a ffff:ff:1f.7 --vdev=net_null0"), ==, -ENODEV);
}

TEST(a_device_that_shall_not_be_used_is_not_missed)
{
	CHECK_INT(check_devices("-b ffff:ff:1f.7 --vdev=net_null0"), ==, 0);
}

TEST_MAIN("dmafwd_devices")
