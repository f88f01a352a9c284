/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "app.h"
#include "devices.h"
#include "end.h"
#include "log.h"
#include "wait.h"

#define TICK_MS 10
/* After the end of reception: the drain, and devices slow to stop, are over by then. */
#define GIVE_UP_MS (5 * DRAIN_MS)

static struct app app;

/* What the main lcore does besides polling; times are TSC cycles. */
struct duties {
	struct app *app;
	uint64_t hz;
	uint64_t next_tick;
	uint64_t next_stats;
	struct wait idle;
};

static void
main_tick(void *ctx)
{
	struct duties *d = ctx;
	const struct config *cfg = &d->app->cfg;
	uint64_t now = rte_rdtsc();
	bool has_looked;

	if (now < d->next_tick)
		return;
	d->next_tick = now + d->hz / 1000 * TICK_MS;
	app_report_faults(d->app);
	if (cfg->stats_interval != 0 && now >= d->next_stats) {
		d->next_stats += d->hz * cfg->stats_interval;
		app_print_stats(stdout, d->app, "running");
	}
	/* An lcore that does not run, on a busy machine, sees no packet either. */
	has_looked = app_has_looked(d->app);
	if (!app_is_at_rest(d->app))
		wait_reset(&d->idle);
	else if (has_looked && wait_expired(&d->idle, now) && cfg->idle_exit != 0)
		atomic_store_explicit(&d->app->stop, true, memory_order_relaxed);
}

/* An lcore is inside a driver that does not return: nothing it uses can be closed any more. */
static void
give_up(void *ctx)
{
	struct app *a = ctx;

	app_report_faults(a);
	for (uint16_t i = 0; i < a->nb_lcores; i++) {
		const struct lcore *lc = &a->loops[i];

		if (lc->nb_streams != 0 && !atomic_load_explicit(&lc->done, memory_order_relaxed))
			FWD_LOG(ERR,
			        "lcore %u has not come back from its drivers for %u seconds: exit "
			        "without closing ports and devices",
			        lc->id, GIVE_UP_MS / 1000);
	}
	app_print_stats(stdout, a, "final");
	_exit(EXIT_FAILURE);
}

/* Run all loops until the stop; the last lcore of the list is the main one. */
static int
run(struct app *a)
{
	uint16_t last = a->nb_lcores - 1;
	struct lcore *mine = &a->loops[last];
	uint64_t now = rte_rdtsc(), hz = rte_get_tsc_hz();
	struct duties duties = {
		.app = a,
		.hz = hz,
		.next_stats = now + hz * a->cfg.stats_interval,
	};
	struct end_watch watch = {&a->stop, GIVE_UP_MS, give_up, a, 0};
	int rc = end_watch_start(&watch);

	if (rc != 0) {
		FWD_LOG(ERR, "no timer to watch over the end: %s", rte_strerror(-rc));
		return rc;
	}
	wait_init(&duties.idle, hz, a->cfg.idle_exit * 1000);
	duties.idle.step = hz / 10; /* ticks come late on a busy machine */
	mine->tick = main_tick;
	mine->tick_ctx = &duties;
	for (uint16_t i = 0; i < last; i++) {
		if (a->loops[i].nb_streams != 0)
			rte_eal_remote_launch(lcore_main, &a->loops[i], a->loops[i].id);
	}
	if (mine->nb_streams != 0) {
		lcore_main(mine);
	} else {
		while (!atomic_load_explicit(&a->stop, memory_order_relaxed)) {
			main_tick(&duties);
			rte_delay_us_sleep(TICK_MS * 1000);
		}
	}
	rte_eal_mp_wait_lcore();
	end_watch_stop(&watch);
	app_report_faults(a);
	return 0;
}

/* The options after "--", which EAL leaves alone; checked before EAL starts. */
static int
parse_options(int argc, char **argv, int separator)
{
	char err[CONFIG_ERROR_SIZE];
	char *none[] = {argv[0], NULL};
	int rc;

	if (separator < argc)
		rc = config_parse(&app.cfg, argc - separator, argv + separator, err);
	else
		rc = config_parse(&app.cfg, 1, none, err);
	optind = 1;
	if (rc < 0)
		fprintf(stderr, "dmafwd: %s\n", err);
	return rc;
}

static void
usage_hook(const char *program)
{
	config_usage(stdout, program);
}

static int
forward(struct app *a)
{
	int rc;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		FWD_LOG(ERR, "option --proc-type: runs as a primary process only");
		return -ENOTSUP;
	}
	end_catch_signals(&a->stop);
	rc = devices_check();
	if (rc != 0)
		return rc;
	rc = app_open(a);
	if (rc == 0) {
		app_print_map(stdout, a);
		rc = run(a);
		if (app_print_stats(stdout, a, "final") != 0 && rc == 0)
			rc = -EIO;
	}
	app_close(a);
	return rc;
}

static int
start_eal(int argc, char **argv, int separator)
{
	char err[CONFIG_ERROR_SIZE];
	int rc;

	rte_set_application_usage_hook(usage_hook);
	rte_errno = 0;
	rc = rte_eal_init(argc, argv);
	if (rc < 0) {
		fprintf(stderr, "dmafwd: EAL does not start%s%s\n", rte_errno != 0 ? ": " : "",
		        rte_errno != 0 ? rte_strerror(rte_errno) : "");
		return rc;
	}
	rc = config_check_eal(argc, argv, separator, rc, err);
	if (rc < 0) {
		fprintf(stderr, "dmafwd: %s\n", err);
		rte_eal_cleanup();
	}
	return rc;
}

int
main(int argc, char **argv)
{
	int separator = config_separator(argc, argv);
	int rc = parse_options(argc, argv, separator);

	if (rc < 0)
		return EXIT_FAILURE;
	if (rc == CONFIG_HELP) {
		config_usage(stdout, argv[0]);
		return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	if (start_eal(argc, argv, separator) < 0)
		return EXIT_FAILURE;
	rc = forward(&app);
	rte_eal_cleanup();
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
