/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "devices.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>

#include "log.h"

enum device_state {
	DEVICE_ABSENT,
	DEVICE_WITHOUT_DRIVER,
	DEVICE_READY,
};

static enum device_state
device_find(const char *bus, const char *name)
{
	enum device_state state = DEVICE_ABSENT;
	struct rte_dev_iterator it = {0};
	const struct rte_device *dev;
	char filter[64];

	snprintf(filter, sizeof(filter), "bus=%s", bus);
	rte_errno = 0; /* the iterator reports what it finds here, its own or not */
	if (rte_dev_iterator_init(&it, filter) != 0)
		return DEVICE_READY; /* a bus that cannot be listed */
	while ((dev = rte_dev_iterator_next(&it)) != NULL) {
		if (strcmp(rte_dev_name(dev), name) == 0)
			state = rte_dev_is_probed(dev) ? DEVICE_READY : DEVICE_WITHOUT_DRIVER;
	}
	return state;
}

int
devices_check(void)
{
	const struct rte_devargs *da = NULL;
	int rc = 0;

	/* RTE_EAL_DEVARGS_FOREACH() passes over the first one. */
	while ((da = rte_devargs_next(NULL, da)) != NULL) {
		const char *bus = rte_bus_name(da->bus);
		enum device_state state;

		if (da->policy == RTE_DEV_BLOCKED)
			continue;
		state = device_find(bus, da->name);
		if (state == DEVICE_READY)
			continue;
		FWD_LOG(ERR, "device %s (option %s), arguments '%s': %s", da->name,
		        da->type == RTE_DEVTYPE_VIRTUAL ? "--vdev" : "-a/--allow",
		        da->args == NULL ? "" : da->args,
		        state == DEVICE_ABSENT ? "there is no such device"
		                               : "no driver takes it (see the lines above)");
		rc = -ENODEV;
	}
	return rc;
}
