// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Tests.Linking;

namespace Lifeboat.Tests.Controller;

/// <summary>What the last runs of each group have shown, on each engine.</summary>
public abstract class RecoveryProofsConformance
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private protected abstract Task<ControllerDatabase> OpenAsync();

    [Fact]
    public async Task The_last_run_that_was_verified_is_the_proof_and_a_later_failure_is_told()
    {
        using var database = await OpenAsync();
        var store = new RunStore(database, TimeProvider.System);
        var clock = new HandClock();
        clock.Advance(new DateTimeOffset(2026, 1, 1, 0, 1, 0, TimeSpan.Zero) - clock.GetUtcNow());
        var proofs = new RecoveryProofs(database, clock);
        Assert.Empty(proofs.All());

        var first = await EndAsync(store, "shop", 1, RunKind.TestFailover, RunState.Succeeded, tookSeconds: 9);
        await EndAsync(store, "shop", 2, RunKind.TestFailover, RunState.Failed);
        var last = await EndAsync(store, "shop", 3, RunKind.Failover, RunState.SucceededWithWarnings, tookSeconds: 4);
        await EndAsync(store, "shop", 4, RunKind.Reprotect, RunState.Succeeded);
        await EndAsync(store, "shop", 5, RunKind.TestFailover, RunState.Cancelled);
        await EndAsync(store, "erp", 6, RunKind.TestFailover, RunState.Failed);
        await store.TryAddAsync(RunStoreConformance.NewRun("erp", 7), Ct); // under way
        for (var look = 0; look < 2; look++)
        {
            var all = proofs.All();
            Assert.Equal((last.Id, RunKind.Failover, TimeSpan.FromSeconds(4)),
                (all["shop"].Proof!.Run, all["shop"].Proof!.Kind, all["shop"].Proof!.Took));
            Assert.Null(all["shop"].Failed);
            Assert.Null(all["erp"].Proof);
            Assert.Equal(ReasonCode.VerificationFailed, all["erp"].Failed!.Reason);
        }

        var failed = await EndAsync(store, "shop", 8, RunKind.TestFailover, RunState.Failed);
        var shop = proofs.All()["shop"];
        Assert.Equal((last.Id, failed.Id), (shop.Proof!.Run, shop.Failed!.Run));
        // It is tried again and succeeds: the same run, another end.
        Assert.Null(await store.TryReopenAsync(failed with { State = RunState.Running, FinishedAt = null },
            RunState.Failed, Ct));
        await store.SaveAsync(Ended(failed, RunState.Succeeded, 5) with
        {
            FinishedAt = failed.FinishedAt!.Value.AddSeconds(1),
        }, Tenure.Sole, Ct);
        shop = proofs.All()["shop"];
        Assert.Equal((failed.Id, null), (shop.Proof!.Run, shop.Failed));
        Assert.NotEqual(first.Id, shop.Proof.Run);
        // Looked through once, and again from the beginning when the clock was set back: the same either way.
        clock.Advance(-TimeSpan.FromDays(1));
        Assert.Equal(failed.Id, proofs.All()["shop"].Proof!.Run);
        Assert.Equal(failed.Id, new RecoveryProofs(database, clock).All()["shop"].Proof!.Run);
    }

    [Fact]
    public async Task A_list_with_an_end_is_full_of_what_its_tenant_has()
    {
        using var database = await OpenAsync();
        var store = new RunStore(database, TimeProvider.System);
        string[] groups = ["shop", "acme_shop", "acme-2_shop", "acme_till", "zeta", "acme"];
        foreach (var (order, group) in groups.Index())
            Assert.Null(await store.TryAddAsync(RunStoreConformance.NewRun(group, order), Ct));
        async Task<IEnumerable<string>> OfAsync(string? tenant) =>
            (await store.ListAsync(null, tenant, Ct)).Select(r => r.Group).Order(StringComparer.Ordinal);
        Assert.Equal(["acme_shop", "acme_till"], await OfAsync("acme"));
        Assert.Equal(["acme-2_shop"], await OfAsync("acme-2"));
        Assert.Equal(["acme", "shop", "zeta"], await OfAsync("default"));
        Assert.Equal(6, (await OfAsync(null)).Count());
        Assert.Empty(await store.ListAsync("shop", "acme", Ct));
    }

    private static async Task<Run> EndAsync(RunStore store, string group, int order, RunKind kind, RunState state,
        int? tookSeconds = null)
    {
        var run = RunStoreConformance.NewRun(group, order) with { Kind = kind };
        Assert.Null(await store.TryAddAsync(run, Ct));
        var ended = Ended(run, state, tookSeconds);
        Assert.True(await store.SaveAsync(ended, Tenure.Sole, Ct));
        return ended;
    }

    private static Run Ended(Run run, RunState state, int? tookSeconds) => run with
    {
        State = state,
        Reason = state is RunState.Failed ? ReasonCode.VerificationFailed : ReasonCode.None,
        VerifiedAt = tookSeconds is { } s ? run.CreatedAt.AddSeconds(s) : null,
        FinishedAt = run.CreatedAt.AddMinutes(1),
    };
}

public sealed class SqliteRecoveryProofsConformance : RecoveryProofsConformance, IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-proofs").FullName;

    private protected override Task<ControllerDatabase> OpenAsync() =>
        Task.FromResult<ControllerDatabase>(new SqliteDatabase(Path.Combine(_directory, "controller.db")));

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}

public sealed class PostgresRecoveryProofsConformance(PostgresFixture postgres) : RecoveryProofsConformance
{
    private protected override async Task<ControllerDatabase> OpenAsync() =>
        new PostgresDatabase(PostgresSettings.Read(await postgres.EmptyAsync(), null), TimeProvider.System);
}
