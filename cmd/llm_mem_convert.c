/* llm-mem --convert: disk and memory that st2gguf needs. */
#include <inttypes.h>

#include "llm_mem.h"

#define MAX_THREADS 4096

/* Of the program without a model, with room to spare: 0.8 MiB were measured. */
#define PROGRAM (UINT64_C(4) << 20)

/* Of each worker beside its buffers: the touched part of its stack, the allocator's own. */
#define WORKER (UINT64_C(1) << 18)

/* A tokenizer is read as a tree before it becomes keys, and both are read again to be compared. At most 27.6 bytes per byte
 * of its files were measured, of Llama 2 and 3, Phi 3, Qwen 2 and SmolLM 2. */
#define TOKENIZER 30

/* Per byte of the keys that are written: a copy, their index, a buffer to write them from. */
#define METADATA 4

bool mem_convert_options(const struct mem_convert *c, struct fmt_err *err)
{
	return !c->given || (c->threads >= 1 && c->threads <= MAX_THREADS) ||
	       fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--convert: threads, from 1 to %d", MAX_THREADS);
}

/* Memory at most, beyond the pages of mapped files, which the system takes back as it needs. Each factor is bounded. */
static uint64_t memory(const struct mem_report *r, const struct mem_weights *w)
{
	uint64_t tokenizer = r->view->from_dir ? r->view->tokenizer_json.n + r->view->tokenizer_model.n : 0;

	return PROGRAM + TOKENIZER * tokenizer + METADATA * (w->file_bytes - w->tensor_bytes) +
	       r->convert.threads * (w->thread_bytes + WORKER);
}

static void row_text(const struct mem_report *r, const struct mem_weights *w, uint64_t between)
{
	char text[32];

	printf("  %-10s %12s", w->name, cli_bytes(w->file_bytes, text));
	printf(" %12s", cli_bytes(memory(r, w), text));
	if (between)
		printf(" %14s", cli_bytes(between + w->file_bytes, text));
	putchar('\n');
}

static void row_json(const struct mem_report *r, const struct mem_weights *w, uint64_t between, struct cli_json *j)
{
	cli_json_object(j, NULL);
	cli_json_cstr(j, "quant", w->name);
	cli_json_u64(j, "disk_bytes", w->file_bytes);
	cli_json_u64(j, "memory_bytes_at_most", memory(r, w));
	if (between)
		cli_json_u64(j, "two_step_disk_bytes", between + w->file_bytes);
	cli_json_close(j, '}');
}

bool mem_convert_print(const struct mem_report *r, struct cli_json *j, struct fmt_err *err)
{
	uint64_t between = 0;

	if (!r->convert.given)
		return true;
	/* who converts first and quantizes then has a file in 16 bits as well */
	if (r->view->from_dir && !mem_file_bytes(r, quant_recipe_find("BF16"), &between, err))
		return false;
	if (j) {
		cli_json_object(j, "conversion");
		cli_json_u64(j, "threads", r->convert.threads);
		cli_json_bool(j, "tokenizer_counted", r->files_known);
		cli_json_array(j, "types");
		for (size_t i = 0; i < r->n_weights; i++)
			row_json(r, &r->weights[i], between, j);
		cli_json_close(j, ']');
		cli_json_close(j, '}');
		return true;
	}
	printf("\nconverting with st2gguf, %" PRIu64 " thread%s%s\n", r->convert.threads, r->convert.threads == 1 ? "" : "s",
	       r->files_known ? "" : ", without a tokenizer");
	printf("  %-10s %12s %12s%s\n", "type", "free disk", "memory up to", between ? "  disk, by BF16" : "");
	for (size_t i = 0; i < r->n_weights; i++)
		row_text(r, &r->weights[i], between);
	printf("  memory is beyond the pages of mapped files\n%s",
	       between ? "  by BF16: a GGUF in 16 bits first, which is quantized then\n" : "");
	return true;
}
