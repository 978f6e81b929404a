/* Runs a command and writes to FILE how many bytes it had in memory at most.
 *
 * usage: peak FILE COMMAND [ARGUMENT...]
 *
 * A process counts what it was before exec too, so that a child of an interpreter never has less than the interpreter: this
 * program is small. Exit status: the command's; 127: it could not be run. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __APPLE__
enum { UNIT = 1 };
#else
enum { UNIT = 1024 };
#endif

int main(int argc, char **argv)
{
	struct rusage used;
	int status;
	pid_t child;
	FILE *f;

	if (argc < 3)
		return 127;
	child = fork();
	if (child == 0) {
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || getrusage(RUSAGE_CHILDREN, &used))
		return 127;
	f = fopen(argv[1], "w");
	if (!f || fprintf(f, "%lld\n", (long long)used.ru_maxrss * UNIT) < 0 || fclose(f))
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}
