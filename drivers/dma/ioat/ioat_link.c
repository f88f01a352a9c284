/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * How the shared object finds DPDK. It is in that object only, not in programs that are linked with
 * the driver.
 *
 * The object names no library of DPDK: a program with DPDK's static libraries would load EAL and
 * the buses a second time by it, which panics. What EAL and the libraries under it define, every
 * program with EAL has. The rest is defined here, each function as a call of DPDK's own, which is
 * looked for when the drivers are registered: in the program, and in one with shared libraries that
 * was not linked with dmadev or the buses, in the libraries beside its EAL.
 */

#include <dlfcn.h>
#include <link.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "ioat_dpdk.h"

#define EAL_SO "librte_eal.so"

/* DPDK's own functions. */
static struct {
	__typeof__(rte_dma_pmd_allocate) *dma_pmd_allocate;
	__typeof__(rte_dma_pmd_release) *dma_pmd_release;
	__typeof__(rte_dma_get_dev_id_by_name) *dma_get_dev_id_by_name;
	__typeof__(rte_dma_stop) *dma_stop;
	__typeof__(rte_dma_close) *dma_close;
	__typeof__(rte_pci_register) *pci_register;
	__typeof__(rte_pci_read_config) *pci_read_config;
	__typeof__(rte_pci_write_config) *pci_write_config;
	__typeof__(rte_vdev_register) *vdev_register;
} own;

struct link_symbol {
	const char *name;
	size_t at; /* its pointer in own */
};

static const struct link_symbol dmadev_symbols[] = {
	{"rte_dma_pmd_allocate", offsetof(__typeof__(own), dma_pmd_allocate)},
	{"rte_dma_pmd_release", offsetof(__typeof__(own), dma_pmd_release)},
	{"rte_dma_get_dev_id_by_name", offsetof(__typeof__(own), dma_get_dev_id_by_name)},
	{"rte_dma_stop", offsetof(__typeof__(own), dma_stop)},
	{"rte_dma_close", offsetof(__typeof__(own), dma_close)},
	{NULL, 0},
};

static const struct link_symbol bus_pci_symbols[] = {
	{"rte_pci_register", offsetof(__typeof__(own), pci_register)},
	{"rte_pci_read_config", offsetof(__typeof__(own), pci_read_config)},
	{"rte_pci_write_config", offsetof(__typeof__(own), pci_write_config)},
	{NULL, 0},
};

static const struct link_symbol bus_vdev_symbols[] = {
	{"rte_vdev_register", offsetof(__typeof__(own), vdev_register)},
	{NULL, 0},
};

/* The path of EAL's shared object, if EAL is one: it tells where the other libraries are. */
static int
find_eal(struct dl_phdr_info *info, size_t size __rte_unused, void *arg)
{
	const char *base = strrchr(info->dlpi_name, '/');

	base = base == NULL ? info->dlpi_name : base + 1;
	if (strncmp(base, EAL_SO, strlen(EAL_SO)) != 0)
		return 0;
	snprintf(arg, PATH_MAX, "%s", info->dlpi_name);
	return 1;
}

/* Load library @p name of the shared DPDK that runs; never a second DPDK beside a static one. */
static void *
link_open(const char *name)
{
	char eal[PATH_MAX], path[PATH_MAX];
	const char *base;
	void *handle;
	int len;

	if (dl_iterate_phdr(find_eal, eal) == 0)
		return NULL;
	base = strrchr(eal, '/');
	base = base == NULL ? eal : base + 1;
	len = snprintf(path, sizeof(path), "%.*slib%s.so%s", (int)(base - eal), eal, name,
	               base + strlen(EAL_SO));
	if (len < 0 || (size_t)len >= sizeof(path))
		return NULL;
	handle = dlopen(path, RTLD_NOW);
	return handle != NULL ? handle : dlopen(strrchr(path, '/') + 1, RTLD_NOW);
}

/* Find the functions of library @p name, in the program or in the library; NULL, or the missing. */
static const char *
link_library(const char *name, const struct link_symbol *symbol)
{
	void *handle = NULL, *address;

	for (; symbol->name != NULL; symbol++) {
		address = dlsym(RTLD_DEFAULT, symbol->name);
		if (address == NULL && handle == NULL)
			handle = link_open(name);
		if (address == NULL && handle != NULL)
			address = dlsym(handle, symbol->name);
		if (address == NULL)
			return symbol->name;
		memcpy(RTE_PTR_ADD(&own, symbol->at), &address, sizeof(address));
	}
	return NULL;
}

/* Whether @p driver, on the bus of library @p bus, can be registered. */
static bool
link_driver(const char *driver, const char *bus, const struct link_symbol *symbols)
{
	const char *missing;

	/* Another release may have other structures. */
	if (rte_version_year() != RTE_VER_YEAR || rte_version_month() != RTE_VER_MONTH) {
		IOAT_LOG(ERR, "%s: built with DPDK %u.%02u, the program has %s: it drives nothing",
		         driver, RTE_VER_YEAR, RTE_VER_MONTH, rte_version());
		return false;
	}
	missing = link_library("rte_dmadev", dmadev_symbols);
	if (missing == NULL)
		missing = link_library(bus, symbols);
	if (missing != NULL)
		IOAT_LOG(WARNING,
		         "%s: no %s() in the program, nor a librte_dmadev and lib%s of "
		         "its DPDK: it drives nothing",
		         driver, missing, bus);
	return missing == NULL;
}

void
rte_pci_register(struct rte_pci_driver *driver)
{
	if (link_driver(driver->driver.name, "rte_bus_pci", bus_pci_symbols))
		own.pci_register(driver);
}

void
rte_vdev_register(struct rte_vdev_driver *driver)
{
	if (link_driver(driver->driver.name, "rte_bus_vdev", bus_vdev_symbols))
		own.vdev_register(driver);
}

int
rte_pci_read_config(const struct rte_pci_device *device, void *buf, size_t len, off_t offset)
{
	return own.pci_read_config(device, buf, len, offset);
}

int
rte_pci_write_config(const struct rte_pci_device *device, const void *buf, size_t len, off_t offset)
{
	return own.pci_write_config(device, buf, len, offset);
}

struct rte_dma_dev *
rte_dma_pmd_allocate(const char *name, int numa_node, size_t private_data_size)
{
	return own.dma_pmd_allocate(name, numa_node, private_data_size);
}

int
rte_dma_pmd_release(const char *name)
{
	return own.dma_pmd_release(name);
}

int
rte_dma_get_dev_id_by_name(const char *name)
{
	return own.dma_get_dev_id_by_name(name);
}

int
rte_dma_stop(int16_t dev_id)
{
	return own.dma_stop(dev_id);
}

int
rte_dma_close(int16_t dev_id)
{
	return own.dma_close(dev_id);
}
