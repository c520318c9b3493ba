// SPDX-License-Identifier: GPL-2.0
/* The module that brings the archive, through libkmod, which modprobe is made of. */
#include <errno.h>
#include <libkmod.h>
#include <string.h>
#include <unistd.h>

#include "kheaders.h"

/* Find the module by its name; NULL if there is none.  @ctx is to be unref'd. */
static struct kmod_module *find_module(struct kmod_ctx *ctx)
{
	struct kmod_module *mod = NULL;
	struct kmod_list *list = NULL;

	if (kmod_module_new_from_lookup(ctx, MODULE_NAME, &list) >= 0 && list)
		mod = kmod_module_get_module(list);
	kmod_module_unref_list(list);
	return mod;
}

int load_module(void)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	struct kmod_module *mod;
	int ret = 0;

	if (!ctx)
		return fail(MODULE_NAME, "libkmod: no memory left");
	kmod_set_log_priority(ctx, 0);
	mod = find_module(ctx);
	if (mod) {
		ret = kmod_module_probe_insert_module(mod, 0, NULL, NULL, NULL, NULL);
		/* on its way out: since 6.2, and 6.1.y, the kernel does not wait for that */
		if (ret == -EBUSY)
			ret = 2;
		else
			ret = ret ? fail(MODULE_NAME, "the module does not load: %s",
					 strerror(ret < 0 ? -ret : EIO)) : 1;
		kmod_module_unref(mod);
	}
	kmod_unref(ctx);
	return ret;
}

int unload_module(void)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	struct kmod_module *mod;
	int ret = -ENOENT;

	if (!ctx)
		return fail(MODULE_NAME, "libkmod: no memory left");
	kmod_set_log_priority(ctx, 0);
	if (!kmod_module_new_from_name(ctx, MODULE_NAME, &mod)) {
		ret = kmod_module_remove_module(mod, 0);
		kmod_module_unref(mod);
	}
	kmod_unref(ctx);
	/* somebody else was first, or has it in use */
	if (ret && ret != -ENOENT && ret != -EAGAIN && ret != -EBUSY)
		return fail(MODULE_NAME, "the module does not unload: %s", strerror(-ret));
	return 0;
}

const char *module_state(void)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	struct kmod_module *mod = ctx ? find_module(ctx) : NULL;
	const char *state = NULL;

	if (mod) {
		switch (kmod_module_get_initstate(mod)) {
		case KMOD_MODULE_BUILTIN:
			state = "built in";
			break;
		case KMOD_MODULE_LIVE:
		case KMOD_MODULE_COMING:
			state = "loaded";
			break;
		default:
			state = "available";
		}
		kmod_module_unref(mod);
	}
	if (ctx)
		kmod_unref(ctx);
	return state;
}
