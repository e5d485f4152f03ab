// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

// As a cloud whose servers stay when their instances go.
public sealed partial class SimulatedSite : IWritesOverDisks
{
    /// <summary>Its instances are started again from the disks that they had.</summary>
    public bool WritesOver { get; set; }

    /// <summary>What an instance was started from last.</summary>
    public StartRequest RequestOf(string instance) => Find(instance).Request;

    /// <summary>Somebody starts it past us.</summary>
    /// <param name="then">What it is afterwards.</param>
    public void RunByHand(string instance, InstancePower then = InstancePower.Stopped)
    {
        var entry = Find(instance);
        entry.ProcessId = ++_lastProcess;
        entry.Power = then;
    }
}
