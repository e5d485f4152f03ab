// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Leases;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Tests.Controller;

/// <summary>Holds every lease, without a site.</summary>
internal sealed class HeldLeases : ILeases
{
    public long Gained => 0;

    public bool TryHold(string name) => true;

    public Tenure? Hold(string name) => Tenure.Sole;

    public IReadOnlyList<ControllerInfo> Controllers() => [];

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
