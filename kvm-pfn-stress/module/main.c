// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/pfn-helper: the device, its ioctls and the life of an open file.
 *
 * Mappings and the file hold each other: every VMA has a reference on its file, so that release()
 * runs when the last descriptor and the last mapping are gone, in whatever order and however the
 * process died. fops.owner keeps the module loaded as long.
 */
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/miscdevice.h>
#include <linux/mmap_lock.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pfnh.h"

static int pfnh_open(struct inode *inode, struct file *file)
{
	struct pfnh_file *pf;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;

	pf = kvzalloc(sizeof(*pf), GFP_KERNEL);
	if (!pf)
		return -ENOMEM;

	mutex_init(&pf->lock);
	file->private_data = pf;
	return 0;
}

static int pfnh_release(struct inode *inode, struct file *file)
{
	struct pfnh_file *pf = file->private_data;

	pfnh_inject_end(pf, true);
	pfnh_delay_end(pf);
	if (pf->marked)
		pfnh_unmark(pf->marked);
	pfnh_break_undo(pf);
	if (pf->set)
		pfnh_set_destroy(pf->set);
	kvfree(pf);
	return 0;
}

static struct pfnh_set *pfnh_set_of(struct pfnh_file *pf)
{
	/* pairs with smp_store_release() in do_create() */
	return smp_load_acquire(&pf->set);
}

static int pfnh_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pfnh_set *set = pfnh_set_of(file->private_data);

	return set ? pfnh_set_mmap(set, vma) : -ENODATA;
}

static long do_create(struct file *file, struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_create arg;
	struct pfnh_set *set;
	long ret = 0;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.kind >= PFNH_NR_KINDS || (arg.flags & ~PFNH_F_ALL) || arg.pad ||
	    !arg.nr_pages || arg.nr_pages > PFNH_MAX_PAGES)
		return -EINVAL;
	if ((arg.flags & PFNH_F_RO_UPGRADE) && !(arg.flags & PFNH_F_RO_PTE))
		return -EINVAL;
	if (arg.flags & PFNH_F_HUGE) {
		if (arg.kind != PFNH_PFNMAP_FAULT || arg.flags != PFNH_F_HUGE ||
		    arg.nr_pages % PFNH_HUGE)
			return -EINVAL;
		if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
			return -EOPNOTSUPP;
	}

	mutex_lock(&pf->lock);
	if (pf->set) {
		ret = -EBUSY;
		goto unlock;
	}
	set = pfnh_set_create(&arg, file);
	if (IS_ERR(set))
		ret = PTR_ERR(set);
	else
		smp_store_release(&pf->set, set);	/* pairs with pfnh_set_of() */
unlock:
	mutex_unlock(&pf->lock);
	return ret;
}

static long do_zap(struct pfnh_set *set, void __user *argp)
{
	struct pfnh_zap arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if ((arg.flags & ~PFNH_ZAP_ALL) || arg.pad || !arg.nr)
		return -EINVAL;
	if (!set)
		return -ENODATA;
	if (arg.first >= set->nr || arg.nr > set->nr - arg.first)
		return -EINVAL;
	if ((set->flags & PFNH_F_HUGE) && (arg.flags & PFNH_ZAP_ROTATE) &&
	    (arg.first | arg.nr) % PFNH_HUGE)
		return -EINVAL;
	return pfnh_set_zap(set, &arg);
}

/*
 * Holds the caller's mmap_lock for writing, as an munmap() of much memory does. The sleep is not
 * interruptible, because tests measure how long the others wait; being killed is delayed by at most
 * the two seconds that the argument allows.
 */
static long do_hold(void __user *argp)
{
	struct pfnh_hold arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (!arg.us || arg.us > 2000000 || arg.pad)
		return -EINVAL;
	if (mmap_write_lock_killable(current->mm))
		return -EINTR;
	fsleep(arg.us);
	mmap_write_unlock(current->mm);
	pfnh_count_hold(current->mm);
	return 0;
}

static long do_page(struct pfnh_set *set, void __user *argp)
{
	struct pfnh_page arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (!set)
		return -ENODATA;
	ret = pfnh_set_page(set, &arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_pfn(void __user *argp)
{
	struct pfnh_pfn arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = pfnh_pfn(&arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_file_pfn(void __user *argp)
{
	struct pfnh_file_pfn arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.pad)
		return -EINVAL;
	ret = pfnh_file_pfn(&arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_check(struct pfnh_set *set, void __user *argp)
{
	struct pfnh_check res;
	int ret;

	if (!set)
		return -ENODATA;
	ret = pfnh_set_check(set, &res);
	if (ret)
		return ret;
	return copy_to_user(argp, &res, sizeof(res)) ? -EFAULT : 0;
}

static long do_fault(struct pfnh_set *set, void __user *argp)
{
	struct pfnh_fault arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (!set)
		return -ENODATA;
	ret = pfnh_set_fault(set, &arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_mark(struct pfnh_file *pf, struct mm_struct *mm)
{
	long ret = 0;

	mutex_lock(&pf->lock);
	if (!pf->marked) {
		pfnh_hooks_arm(PFNH_HOOK_STALE | PFNH_HOOK_FAULTIN | PFNH_HOOK_INVALIDATE |
			       PFNH_HOOK_LOCK_WAIT | PFNH_HOOK(PFNH_INVALIDATE_END) |
			       PFNH_HOOK(PFNH_MEMSLOT));
		ret = pfnh_mark(mm);
		if (!ret) {
			pf->marked = mm;
			pfnh_counts_read(&pf->at_mark);
			pf->near_pos = pfnh_near_pos();
		}
	} else if (pf->marked != mm) {
		ret = -EBUSY;
	}
	mutex_unlock(&pf->lock);
	return ret;
}

static long do_mark_task(struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_task arg;
	struct task_struct *task;
	struct mm_struct *mm;
	long ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.pad)
		return -EINVAL;
	rcu_read_lock();
	task = pid_task(find_vpid(arg.pid), PIDTYPE_PID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	mm = task ? get_task_mm(task) : NULL;
	if (task)
		put_task_struct(task);
	if (!mm)
		return -ESRCH;
	ret = do_mark(pf, mm);
	mmput(mm);
	return ret;
}

static long do_stats(struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_stats res = { .hooks = pfnh_hooks_armed() };
	struct pfnh_counts now;		/* 800 bytes */

	mutex_lock(&pf->lock);
	pfnh_counts_read(&now);
	res.stale = now.stale - pf->at_mark.stale;
	res.early = now.early - pf->at_mark.early;
	res.faultin = now.faultin - pf->at_mark.faultin;
	res.invalidate = now.invalidate - pf->at_mark.invalidate;
	res.lock_waits = now.lock_waits - pf->at_mark.lock_waits;
	res.handler = now.handler - pf->at_mark.handler;
	res.holds = now.holds - pf->at_mark.holds;
	res.hits = now.hits - pf->at_mark.hits;
	res.early_pairs = now.early_pairs - pf->at_mark.early_pairs;
	res.roots = now.roots - pf->at_mark.roots;
	res.landed = now.landed - pf->at_mark.landed;
	res.overlapped = now.overlapped - pf->at_mark.overlapped;
	res.zaps = now.zaps - pf->at_mark.zaps;
	res.zaps_unflushed = now.zaps_unflushed - pf->at_mark.zaps_unflushed;
	mutex_unlock(&pf->lock);
	res.leaked = atomic64_read(&pfnh_leaked);

	return copy_to_user(argp, &res, sizeof(res)) ? -EFAULT : 0;
}

static long do_near(struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_nears arg;
	int ret = -EINVAL;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	mutex_lock(&pf->lock);
	if (pf->marked)
		ret = pfnh_near_read(pf->marked, &pf->near_pos, &arg);
	mutex_unlock(&pf->lock);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_arm(void __user *argp)
{
	struct pfnh_arm arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.hooks & ~(PFNH_HOOK(PFNH_NR_HOOKS) - 1))
		return -EINVAL;
	arg.hooks = pfnh_hooks_arm(arg.hooks);
	if (copy_to_user(argp, &arg, sizeof(arg)))
		return -EFAULT;
	return arg.hooks ? -ENOENT : 0;
}

static long do_hook_info(void __user *argp)
{
	struct pfnh_hook_info arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.hook >= PFNH_NR_HOOKS)
		return -EINVAL;
	memset(arg.symbol, 0, sizeof(arg.symbol));
	pfnh_hook_info(&arg);
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_inject(struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_inject arg;
	long ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	mutex_lock(&pf->lock);
	ret = pfnh_inject(pf, &arg);
	mutex_unlock(&pf->lock);
	return ret;
}

static long do_inject_end(struct pfnh_file *pf)
{
	mutex_lock(&pf->lock);
	pfnh_inject_end(pf, false);
	mutex_unlock(&pf->lock);
	return 0;
}

static long do_inject_info(struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_inject_info arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = pfnh_inject_info(pf, &arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_injected(void __user *argp)
{
	struct pfnh_injected arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = pfnh_injected(&arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

/* Too much for the stack together with the counters. */
static long do_answers(struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_counts *now = kzalloc(sizeof(*now), GFP_KERNEL);
	u64 *n, *base;
	unsigned int i;
	long ret;

	if (!now)
		return -ENOMEM;
	mutex_lock(&pf->lock);
	pfnh_counts_read(now);
	n = (u64 *)&now->answers;
	base = (u64 *)&pf->at_mark.answers;
	for (i = 0; i < sizeof(now->answers) / sizeof(u64); i++)
		n[i] -= base[i];
	mutex_unlock(&pf->lock);
	ret = copy_to_user(argp, &now->answers, sizeof(now->answers)) ? -EFAULT : 0;
	kfree(now);
	return ret;
}

static long do_delay(struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_delay arg;
	long ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	mutex_lock(&pf->lock);
	ret = pfnh_delay(pf, &arg);
	mutex_unlock(&pf->lock);
	return ret;
}

static long do_delay_info(struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_delay_info arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = pfnh_delay_info(pf, &arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_await(struct pfnh_file *pf, void __user *argp)
{
	struct mm_struct *mm;
	struct pfnh_await arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	mutex_lock(&pf->lock);
	mm = pf->marked;		/* until close, so for longer than this call */
	mutex_unlock(&pf->lock);
	ret = mm ? pfnh_await(mm, &arg) : -EINVAL;
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_script(struct pfnh_set *set, void __user *argp)
{
	struct pfnh_script arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	return set ? pfnh_script_set(set, &arg) : -ENODATA;
}

static long do_script_info(struct pfnh_set *set, void __user *argp)
{
	struct pfnh_script_info arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (!set)
		return -ENODATA;
	ret = pfnh_script_info(set, &arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long do_break(struct pfnh_file *pf, void __user *argp)
{
	struct pfnh_break_arg arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	return pfnh_break(pf, &arg);
}

static long pfnh_ioctl(struct file *file, unsigned int cmd, unsigned long ptr)
{
	struct pfnh_file *pf = file->private_data;
	struct pfnh_set *set = pfnh_set_of(pf);
	void __user *argp = (void __user *)ptr;

	switch (cmd) {
	case PFNH_GET_VERSION:
		return PFNH_VERSION;
	case PFNH_CREATE:
		return do_create(file, pf, argp);
	case PFNH_ZAP:
		return do_zap(set, argp);
	case PFNH_HOLD:
		return do_hold(argp);
	case PFNH_PAGE:
		return do_page(set, argp);
	case PFNH_PFN:
		return do_pfn(argp);
	case PFNH_FILE_PFN:
		return do_file_pfn(argp);
	case PFNH_CHECK:
		return do_check(set, argp);
	case PFNH_FAULT:
		return do_fault(set, argp);
	case PFNH_MARK:
		return do_mark(pf, current->mm);
	case PFNH_MARK_TASK:
		return do_mark_task(pf, argp);
	case PFNH_STATS:
		return do_stats(pf, argp);
	case PFNH_BREAK:
		return do_break(pf, argp);
	case PFNH_ARM:
		return do_arm(argp);
	case PFNH_HOOK_INFO:
		return do_hook_info(argp);
	case PFNH_INJECT:
		return do_inject(pf, argp);
	case PFNH_INJECT_END:
		return do_inject_end(pf);
	case PFNH_INJECT_INFO:
		return do_inject_info(pf, argp);
	case PFNH_INJECTED:
		return do_injected(argp);
	case PFNH_ANSWERS:
		return do_answers(pf, argp);
	case PFNH_DELAY:
		return do_delay(pf, argp);
	case PFNH_DELAY_INFO:
		return do_delay_info(pf, argp);
	case PFNH_AWAIT:
		return do_await(pf, argp);
	case PFNH_NEAR:
		return do_near(pf, argp);
	case PFNH_SCRIPT:
		return do_script(set, argp);
	case PFNH_SCRIPT_INFO:
		return do_script_info(set, argp);
	}
	return -ENOTTY;
}

static const struct file_operations pfnh_fops = {
	.owner		= THIS_MODULE,
	.open		= pfnh_open,
	.release	= pfnh_release,
	.mmap		= pfnh_mmap,
	.unlocked_ioctl	= pfnh_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice pfnh_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "pfn-helper",
	.fops	= &pfnh_fops,
	.mode	= 0600,
};

static int __init pfnh_init(void)
{
	int ret = pfnh_hooks_init();

	if (ret)
		return ret;
	ret = misc_register(&pfnh_misc);
	if (ret)
		pfnh_hooks_exit();
	return ret;
}

static void __exit pfnh_exit(void)
{
	misc_deregister(&pfnh_misc);
	pfnh_hooks_exit();
}

module_init(pfnh_init);
module_exit(pfnh_exit);
MODULE_DESCRIPTION("Memory that user space cannot make, for testing KVM's guest-fault path");
MODULE_AUTHOR("the kvm-pfn-stress authors");
MODULE_LICENSE("GPL");
