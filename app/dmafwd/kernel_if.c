/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "kernel_if.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_string_fns.h>

static const struct {
	uint32_t get;   /* command of SIOCETHTOOL */
	uint32_t mask;  /* of what it returns */
	bool veth_only; /* a sender's: they do not touch what a wire has brought */
	const char *off;
} features[] = {
	{ETHTOOL_GTXCSUM, 1, true, "tx off"},
	{ETHTOOL_GTSO, 1, true, "tso off"},
	{ETHTOOL_GGSO, 1, true, "gso off"},
	{ETHTOOL_GGRO, 1, false, "gro off"},
	{ETHTOOL_GFLAGS, ETH_FLAG_LRO, false, "lro off"},
};

static int
kernel_if_ethtool(int fd, const struct kernel_if *k, void *command)
{
	struct ifreq req = {.ifr_data = command};

	memcpy(req.ifr_name, k->name, sizeof(req.ifr_name));
	return ioctl(fd, SIOCETHTOOL, &req);
}

static void
kernel_if_read_offloads(int fd, struct kernel_if *k)
{
	struct ethtool_drvinfo drv = {.cmd = ETHTOOL_GDRVINFO};
	bool veth = kernel_if_ethtool(fd, k, &drv) == 0 && strcmp(drv.driver, "veth") == 0;

	for (size_t i = 0; i < RTE_DIM(features); i++) {
		struct ethtool_value value = {.cmd = features[i].get};

		if ((features[i].veth_only && !veth) || kernel_if_ethtool(fd, k, &value) != 0 ||
		    (value.data & features[i].mask) == 0)
			continue;
		if (k->offloads[0] != '\0')
			rte_strlcat(k->offloads, " ", sizeof(k->offloads));
		rte_strlcat(k->offloads, features[i].off, sizeof(k->offloads));
	}
}

void
kernel_if_read(struct kernel_if *k, unsigned int index)
{
	struct ifreq req = {0};
	int fd = index != 0 ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;

	memset(k, 0, sizeof(*k));
	if (fd < 0)
		return;
	if (if_indextoname(index, req.ifr_name) != NULL) {
		memcpy(k->name, req.ifr_name, sizeof(k->name));
		if (ioctl(fd, SIOCGIFFLAGS, &req) == 0)
			k->promiscuous = (req.ifr_flags & IFF_PROMISC) != 0;
		if (ioctl(fd, SIOCGIFMTU, &req) == 0 && req.ifr_mtu <= UINT16_MAX)
			k->mtu = (uint16_t)req.ifr_mtu;
		kernel_if_read_offloads(fd, k);
	}
	close(fd);
}

int
kernel_if_set_mtu(const struct kernel_if *k)
{
	struct ifreq req = {.ifr_mtu = k->mtu};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	memcpy(req.ifr_name, k->name, sizeof(req.ifr_name));
	if (fd < 0 || ioctl(fd, SIOCSIFMTU, &req) != 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	return rc;
}
