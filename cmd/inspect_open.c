/* gguf-inspect, gathering: the file or directory, its view as a model where there is one, sums by type and component. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "inspect.h"

static void add(struct inspect_sum *s, const struct inspect_tensor *t)
{
	s->n_tensors++;
	s->n_params += t->n_elems;
	s->n_bytes += t->n_bytes;
}

static bool gather_stored(struct inspect *in)
{
	in->n_tensors = in->model->n_tensors;
	in->tensors = calloc(in->n_tensors + 1, sizeof *in->tensors);
	if (!in->tensors)
		return false;
	for (uint64_t i = 0; i < in->n_tensors; i++) {
		const struct fmt_tensor *t = &in->model->tensors[i];

		in->tensors[i] = (struct inspect_tensor){
			.name = t->name, .type = t->type, .n_dims = t->n_dims, .dims = t->dims, .n_elems = t->n_elems,
			.n_bytes = t->n_bytes, .part = fmt_component_of(t->name), .stored = t,
		};
	}
	return true;
}

static bool gather_view(struct inspect *in)
{
	in->n_tensors = in->view->n_tensors;
	in->tensors = calloc(in->n_tensors + 1, sizeof *in->tensors);
	if (!in->tensors)
		return false;
	for (uint64_t i = 0; i < in->n_tensors; i++) {
		const struct fmt_view_tensor *t = &in->view->tensors[i];

		in->tensors[i] = (struct inspect_tensor){
			.name = t->name, .type = t->keep_f32 ? FMT_F32 : t->type, .n_dims = t->n_dims, .dims = t->dims,
			.n_elems = t->n_elems, .n_bytes = t->keep_f32 ? 4 * t->n_elems : t->n_bytes,
			.part = fmt_component_of(t->name),
		};
	}
	return true;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* As a model if it is one; else just the weights. A lone file need not be a whole model, a directory should be. */
static bool open_model(struct inspect *in, struct fmt_err *err)
{
	in->view = fmt_view_open(in->path, NULL, &in->view_err);
	if (in->view) {
		in->model = in->view->weights;
		return true;
	}
	if (is_directory(in->path)) {
		in->opened = fmt_model_open_dir(in->path, err);
	} else {
		in->opened = fmt_model_open(in->path, err);
		memset(&in->view_err, 0, sizeof in->view_err);
	}
	in->model = in->opened;
	return in->opened;
}

bool inspect_open(struct inspect *in, const char *path, const struct inspect_opts *o, struct fmt_err *err)
{
	memset(in, 0, sizeof *in);
	in->path = path;
	if (!open_model(in, err))
		return false;
	if (o->as_gguf && !in->view && in->view_err.code) {
		*err = in->view_err;
		return false;
	}
	if (o->as_gguf && !in->view)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "no config.json beside it: it cannot become a GGUF");
	if (!(o->as_gguf ? gather_view(in) : gather_stored(in)))
		return fmt_fail_nomem(err, in->model->n_tensors * sizeof *in->tensors);
	in->n_kv = in->view ? in->view->n_kv : in->model->n_kv;
	in->kv = in->view ? in->view->kv : in->model->kv;
	for (uint64_t i = 0; i < in->n_tensors; i++) {
		add(&in->total, &in->tensors[i]);
		add(&in->types[in->tensors[i].type], &in->tensors[i]);
		add(&in->parts[in->tensors[i].part], &in->tensors[i]);
	}
	for (uint32_t i = 0; i < in->model->n_files; i++)
		in->file_bytes += in->model->file_bytes[i];
	return true;
}

void inspect_close(struct inspect *in)
{
	free(in->findings.items);
	free(in->tensors);
	fmt_view_close(in->view);
	fmt_model_close(in->opened);
	memset(in, 0, sizeof *in);
}

const struct fmt_value *inspect_get(const struct inspect *in, const char *key)
{
	return in->view ? fmt_view_get(in->view, key) : fmt_model_get(in->model, key);
}

const struct fmt_value *inspect_arch_get(const struct inspect *in, const char *suffix)
{
	struct fmt_str arch = inspect_text_of(inspect_get(in, "general.architecture"));
	char key[256];

	if (!arch.p || arch.n + strlen(suffix) + 2 > sizeof key)
		return NULL;
	memcpy(key, arch.p, arch.n);
	key[arch.n] = '.';
	strcpy(key + arch.n + 1, suffix);
	return inspect_get(in, key);
}

const char *inspect_container(const struct fmt_model *m)
{
	switch (m->container) {
	case FMT_SAFETENSORS:
		return "safetensors";
	case FMT_GGUF:
		return "GGUF";
	case FMT_TORCH_ZIP:
		return "PyTorch zip";
	case FMT_TORCH_LEGACY:
		return "PyTorch (before zip)";
	}
	return "unknown";
}

const char *inspect_file_type(const struct inspect *in)
{
	/* general.file_type. Source: gguf-py, class LlamaFileType, August 2026; 4 to 6 and 33 to 35 are gone. */
	static const char *const names[] = {
		"F32",    "F16",    "Q4_0",   "Q4_1",  NULL,     NULL,    NULL,    "Q8_0",  "Q5_0",      "Q5_1",  "Q2_K",
		"Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "IQ2_XXS",   "IQ2_XS", "Q2_K_S",
		"IQ3_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S",  "IQ3_M", "IQ2_S", "IQ2_M", "IQ4_XS",    "IQ1_M", "BF16",
		NULL,     NULL,     NULL,     "TQ1_0", "TQ2_0",  "MXFP4_MOE", "NVFP4", "Q1_0", "Q2_0",
	};
	uint64_t n;

	if (!inspect_number_of(inspect_get(in, "general.file_type"), &n) || n >= sizeof names / sizeof names[0])
		return NULL;
	return names[n];
}

/* Greedy with one point to come back to: the last * seen. Linear times the pattern's length. */
bool inspect_match(const char *pattern, struct fmt_str s)
{
	const char *star = NULL;
	size_t i = 0, resume = 0;

	if (!pattern)
		return true;
	while (i < s.n) {
		if (*pattern == '*') {
			star = pattern++;
			resume = i;
		} else if (*pattern && (*pattern == '?' || *pattern == s.p[i])) {
			pattern++;
			i++;
		} else if (star) {
			pattern = star + 1;
			i = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static int by_name(const void *a, const void *b)
{
	const struct inspect_tensor *x = *(struct inspect_tensor *const *)a, *y = *(struct inspect_tensor *const *)b;
	int c = memcmp(x->name.p, y->name.p, x->name.n < y->name.n ? x->name.n : y->name.n);

	return c ? c : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* The hash of the sorted list; `d` is free to use. */
static bool hash_list(struct inspect *in, struct fmt_digest *d, struct fmt_err *err)
{
	const struct inspect_tensor **sorted = calloc(in->n_tensors + 1, sizeof *sorted);
	char shape[INSPECT_SHAPE_MAX];

	if (!sorted)
		return fmt_fail_nomem(err, in->n_tensors * sizeof *sorted);
	for (uint64_t i = 0; i < in->n_tensors; i++)
		sorted[i] = &in->tensors[i];
	qsort(sorted, in->n_tensors, sizeof *sorted, by_name);
	fmt_digest_reset(d);
	for (uint64_t i = 0; i < in->n_tensors; i++) {
		const struct inspect_tensor *t = sorted[i];
		const char *type = fmt_type_info(t->type)->name;

		inspect_shape(t->n_dims, t->dims, shape);
		fmt_digest_add(d, t->name.p, t->name.n);
		fmt_digest_add(d, "", 1);
		fmt_digest_add(d, type, strlen(type) + 1);
		fmt_digest_add(d, shape, strlen(shape) + 1);
		fmt_digest_add(d, t->hash, strlen(t->hash));
		fmt_digest_add(d, "\n", 1);
	}
	fmt_digest_hex(d, in->hash);
	free(sorted);
	return true;
}

bool inspect_hash(struct inspect *in, struct fmt_err *err)
{
	struct fmt_digest *d = fmt_digest_create();
	bool ok = d || fmt_fail_nomem(err, sizeof *in);

	for (uint64_t i = 0; ok && i < in->n_tensors; i++)
		ok = fmt_digest_tensor(d, in->model, in->tensors[i].stored, in->tensors[i].hash, err);
	ok = ok && hash_list(in, d, err);
	fmt_digest_destroy(d);
	return ok;
}
