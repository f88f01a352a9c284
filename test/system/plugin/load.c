/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * A program with EAL and little else, linked in several ways (meson.build): it starts EAL, which
 * loads the plug-ins of its arguments, and plugs one emulated channel in.
 *
 * Exit code 0: plugged in; 1: EAL did not start; 3: it started, there is no such device.
 */

#include <stdio.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_version.h>

#ifdef OTHER_RELEASE
/* As a DPDK of another release would answer; the dynamic linker finds this one first. */
__attribute__((visibility("default"))) unsigned int
rte_version_year(void)
{
	return RTE_VER_YEAR - 1;
}
#endif

int
main(int argc, char **argv)
{
	int rc;

	if (rte_eal_init(argc, argv) < 0) {
		printf("load: EAL does not start: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	rc = rte_eal_hotplug_add("vdev", "dma_ioat_emu0", "inline");
	printf("load: plugged in: %d\n", rc);
	rte_eal_cleanup();
	return rc == 0 ? 0 : 3;
}
