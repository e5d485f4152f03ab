// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Leases;

namespace Lifeboat.Controller.Watching;

/// <summary>A watcher whose conclusions are stored: of several controllers of the site one draws them.</summary>
internal sealed class LeasedWatcher(IWatcher inner, ILeases leases, string lease) : IWatcher
{
    public Task SeeAsync(Observation observation, CancellationToken ct) =>
        leases.TryHold(lease) ? inner.SeeAsync(observation, ct) : Task.CompletedTask;
}
