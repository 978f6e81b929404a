/* The number of CPUs: affinity mask and control groups (version 2: cpu.max; version 1: cpu.cfs_*_us). */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#endif

#include "cpu_count.h"

bool quant_cpu_quota(const char *text, unsigned *cpus)
{
	unsigned long long quota, period, n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	quota = strtoull(text, &end, 10);
	while (*end == ' ' || *end == '\n')
		end++;
	if (!isdigit((unsigned char)*end))
		return false;
	period = strtoull(end, NULL, 10);
	if (!quota || !period)
		return false;
	n = quota / period + (quota % period != 0);
	*cpus = n > INT_MAX ? INT_MAX : (unsigned)n;
	return true;
}

#ifdef __linux__

/* Appends the file's first line, with its newline, to the text in buf; nothing if it cannot be read. */
static void append_line(const char *path, char *buf, size_t cap)
{
	size_t used = strlen(buf);
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	if (!fgets(buf + used, (int)(cap - used), f))
		buf[used] = '\0';
	fclose(f);
}

/* Lowers *n to the quota of the group `dir`, of either version. */
static void apply_group(const char *dir, unsigned *n)
{
	char path[PATH_MAX + 32], text[96] = "";
	unsigned cpus;

	snprintf(path, sizeof path, "%s/cpu.max", dir);
	append_line(path, text, sizeof text);
	if (!*text) {
		snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
		append_line(path, text, sizeof text);
		snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
		append_line(path, text, sizeof text);
	}
	if (quant_cpu_quota(text, &cpus) && cpus < *n)
		*n = cpus;
}

/* Every group from the process's own up to the root limits it. Inside a container the path that the kernel reports may
 * not exist below the mount; then only the root, which is the container's own group, counts. */
static void apply_groups(const char *mount, const char *group, unsigned *n)
{
	char dir[PATH_MAX];
	size_t root = strlen(mount);
	char *slash;

	if (snprintf(dir, sizeof dir, "%s%s", mount, group) >= (int)sizeof dir)
		return;
	for (;;) {
		apply_group(dir, n);
		slash = strrchr(dir, '/');
		if (!slash || (size_t)(slash - dir) < root)
			break;
		*slash = '\0';
	}
}

/* A line of /proc/self/cgroup is ID:CONTROLLERS:PATH; version 2 has no controllers. */
static bool has_cpu(const char *controllers)
{
	for (const char *p = controllers; *p; p += strcspn(p, ",")) {
		p += *p == ',';
		if (strcspn(p, ",") == 3 && !memcmp(p, "cpu", 3))
			return true;
	}
	return false;
}

static void limit_by_cgroups(unsigned *n)
{
	char line[PATH_MAX], *controllers, *path;
	FILE *f = fopen("/proc/self/cgroup", "re");

	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		controllers = strchr(line, ':');
		path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		controllers++;
		if (!*controllers)
			apply_groups("/sys/fs/cgroup", path, n);
		else if (has_cpu(controllers))
			apply_groups("/sys/fs/cgroup/cpu", path, n);
	}
	fclose(f);
}

/* CPUs of the affinity mask. The kernel refuses a mask smaller than its own, so it grows until it is accepted. */
static unsigned affinity_count(void)
{
	unsigned n = 0;

	for (int cpus = 1024; !n && cpus <= 1 << 20; cpus *= 4) {
		cpu_set_t *set = CPU_ALLOC((size_t)cpus);

		if (!set)
			return 0;
		if (!sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)cpus), set))
			n = (unsigned)CPU_COUNT_S(CPU_ALLOC_SIZE((size_t)cpus), set);
		CPU_FREE(set);
	}
	return n;
}

#endif

unsigned quant_cpu_count(void)
{
	unsigned n = 0;
	long online;

#ifdef __linux__
	n = affinity_count();
#endif
	if (!n) {
		online = sysconf(_SC_NPROCESSORS_ONLN);
		n = online > 0 && online < INT_MAX ? (unsigned)online : 1;
	}
#ifdef __linux__
	limit_by_cgroups(&n);
#endif
	return n;
}
