// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Leases;

/// <summary>The only controller of a site holds everything (the lock file in its directory sees to it).</summary>
internal sealed class SoleLeases(ControllerName controller, GroupStore groups, TimeProvider time) : ILeases
{
    private readonly DateTimeOffset _started = time.GetUtcNow();

    public long Gained => 0;

    public IReadOnlyList<ControllerInfo> Controllers() =>
        [new ControllerInfo(controller.Name, controller.Url, _started, groups.Names(), IsThis: true)];

    public bool TryHold(string name) => true;

    public Tenure? Hold(string name) => Tenure.Sole;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
