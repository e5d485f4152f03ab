// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts.Api;
using Lifeboat.IntegrationTests.Life;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Testing.Field;

namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>
/// Drills on a real cloud whose services fail at the worst moments. Each goes on by itself and makes nothing twice, or
/// ends with a reason and is cleaned up when the cloud is back; the project is as it was.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class DrillFaults(FaultyCloudFixture fixture) : IClassFixture<FaultyCloudFixture>, IAsyncLifetime
{
    private FaultyCloudPair? _pair;
    private IReadOnlyList<string> _before = [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private FaultyCloudPair Pair => _pair!;
    private CloudProxy Proxy => Pair.Proxy;

    public async ValueTask InitializeAsync()
    {
        _pair = await fixture.PairAsync(Ct);
        _before = await Pair.Project.ThingsAsync(Ct);
    }

    public ValueTask DisposeAsync()
    {
        _pair?.Proxy.Clear();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Undisturbed_it_succeeds() => await GoesOnAsync(() => Task.CompletedTask);

    private async Task GoesOnAsync(Func<Task> disturb)
    {
        await disturb();
        var run = await Pair.StartRunAsync(Ct, "drill", FieldPair.Group, "--hold", "10m");
        var held = await Pair.HeldAsync(run.Id, Ct);
        Assert.True(!held.Finished, FaultyCloudPair.Told(held));
        var made = (await Pair.Project.ThingsAsync(Ct)).Except(_before).Select(t => t.Split(' ')[0]).Order();
        Assert.Equal(["network", "port", "server", "volume"], made);
        await Pair.B.MustAsync(["run", "release", $"{run.Id}"], Ct);
        var ended = await Pair.EndAsync(run.Id, Ct);
        Assert.True(ended.State is RunState.Succeeded, FaultyCloudPair.Told(ended));
        Assert.Equal(_before, await Pair.Project.ThingsAsync(Ct));
        await Pair.UntilProtectedAsync(Ct);
        TestContext.Current.SendDiagnosticMessage(FaultyCloudPair.Told(ended) + $"\n{ended.Elapsed}");
    }
}
