// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Agent.LibvirtGate;

/// <summary>
/// How many guarded calls of all clients are under way for each domain: its disks are taken back at the last answer,
/// for libvirt carries out one after the other.
/// </summary>
internal sealed class HeldDomains
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _calls = new(StringComparer.Ordinal);

    public void Enter(string uuid)
    {
        lock (_gate) _calls[uuid] = _calls.GetValueOrDefault(uuid) + 1;
    }

    /// <returns>True: it was the last one.</returns>
    public bool Leave(string uuid)
    {
        lock (_gate)
        {
            if (--_calls[uuid] > 0) return false;
            return _calls.Remove(uuid);
        }
    }
}
