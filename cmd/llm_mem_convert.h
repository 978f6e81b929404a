/* llm-mem --convert: disk and memory that st2gguf needs. */
#ifndef CMD_LLM_MEM_CONVERT_H
#define CMD_LLM_MEM_CONVERT_H

#include "cli.h"

struct mem_report;

struct mem_convert {
	uint64_t threads;
	bool given;
};

/* returns false with *err set: FMT_USAGE, no number of threads that st2gguf takes */
bool mem_convert_options(const struct mem_convert *c, struct fmt_err *err);

/* Text, or a member "conversion" in j. Nothing where it was not asked for.
 * returns false with *err set */
bool mem_convert_print(const struct mem_report *r, struct cli_json *j, struct fmt_err *err);

#endif
