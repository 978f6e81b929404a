/* st2gguf --verify: what was found, in words and as JSON. */
#include <inttypes.h>

#include "divergence_page.h"
#include "st2gguf_verify.h"

static void print_tensors(const struct verify *v, const struct conversion *c)
{
	printf("read back: relative error of all weights %.3g", quant_error_relative(&v->sum));
	if (c->view->n_tensors && v->relative[v->worst] != 0) {
		printf("; of ");
		cli_print_str(stdout, c->view->tensors[v->worst].name);
		printf(" (%s), the furthest off, %.3g", fmt_type_info(c->types[v->worst])->name, (double)v->relative[v->worst]);
	}
	printf("\n");
}

void verify_print(struct verify *v, const struct conversion *c)
{
	struct infer_divergence *d = &v->d;

	print_tensors(v, c);
	if (!v->runs)
		return;
	printf("beside the source, %" PRIu64 " tokens of %s: %s\n", d->n, divergence_text(v->o->text), divergence_verdict(d));
	printf("  mean KL divergence      %.6f +/- %.6f nats, 99 %% of it below %.6f, largest %.6f\n", infer_sum_mean(&d->kl),
	       infer_sum_error(&d->kl), infer_divergence_kl_quantile(d, 0.99), infer_divergence_kl_quantile(d, 1));
	printf("  same most likely token  %.2f %%\n", divergence_percent(d, d->n_same_top));
	printf("  perplexity              %.4f, %.4f of the source\n", infer_perplexity(&d->nll), infer_perplexity(&d->base));
}

static void json_tensors(struct cli_json *j, const struct verify *v, const struct conversion *c)
{
	cli_json_array(j, "tensors");
	for (uint64_t i = 0; i < c->view->n_tensors; i++) {
		const struct fmt_view_tensor *t = &c->view->tensors[i];
		double relative = quant_error_relative(&v->errors[i]);
		double explained = quant_error_explained(t, c->adapters.lora, c->types[i]);

		cli_json_object(j, NULL);
		cli_json_str(j, "name", t->name);
		cli_json_cstr(j, "source_type", fmt_type_info(t->type)->name);
		cli_json_cstr(j, "type", fmt_type_info(c->types[i])->name);
		cli_json_f64(j, "relative_error", relative);
		cli_json_f64(j, "explained", explained);
		cli_json_f64(j, "largest_difference", v->errors[i].largest);
		if (v->errors[i].n_nonfinite)
			cli_json_u64(j, "not_finite", v->errors[i].n_nonfinite);
		cli_json_bool(j, "departs", !(relative <= explained));
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

void verify_json(struct cli_json *j, struct verify *v, const struct conversion *c)
{
	struct limit limits[DIVERGENCE_LIMITS + 1];
	size_t n = verify_limits(v, limits);

	cli_json_object(j, "verify");
	cli_json_f64(j, "relative_error", quant_error_relative(&v->sum));
	cli_json_u64(j, "departures", v->n_departs + v->trace.n_departs);
	json_tensors(j, v, c);
	if (v->runs) {
		cli_json_cstr(j, "text", v->o->text ? v->o->text : "built-in");
		cli_json_bool(j, "same_ids", v->same_ids);
		cli_json_object(j, "divergence");
		divergence_json_windows(j, &v->windows);
		divergence_json(j, &v->d);
		cli_json_close(j, '}');
	} else {
		cli_json_cstr(j, "not_run", v->why.msg);
	}
	limits_json(j, limits, n);
	if (v->o->report)
		cli_json_cstr(j, "report", v->o->report);
	cli_json_close(j, '}');
}

bool verify_page(struct verify *v, const struct conversion *c, bool force, struct fmt_err *err)
{
	struct limit limits[DIVERGENCE_LIMITS + 1];
	struct divergence_page page = {
		.model = c->parts[0].path,
		.reference = c->view->path,
		.text = divergence_text(v->o->text),
		.d = v->runs ? &v->d : NULL,
		.windows = &v->windows,
		.trace = v->traced ? &v->trace : NULL,
		.view = c->view,
		.lora = c->adapters.lora,
		.errors = v->errors,
		.types = c->types,
		.no_divergence = v->why.msg,
		.no_trace = !v->runs ? v->why.msg : v->parting.msg,
		.limits = limits,
		.n_limits = verify_limits(v, limits),
	};

	return divergence_page_write(&page, v->o->report, force, err);
}
