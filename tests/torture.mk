# torture.mk - the long campaigns: each is a test of `make test` with more of everything (OUTBOXD_EXTENT).

.PHONY: kill-syscalls
NO_BUILD += kill-syscalls

kill-syscalls:
	@CC='$(CC)' sh packaging/need-packages.sh build test
	@+$(BUILDING) $(BUILD)/outboxd $(BUILD)/fakegw $(BUILD)/tests/crash/test_kill_syscalls
	@OUTBOXD_EXTENT=whole $(BUILD)/tests/crash/test_kill_syscalls
