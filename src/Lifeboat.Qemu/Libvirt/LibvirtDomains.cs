// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Qemu.Libvirt;

/// <summary>What is asked of libvirt itself, and not of the QEMU of a domain.</summary>
public static class LibvirtDomains
{
    /// <summary>
    /// Whether a domain is defined at this libvirt and off. One that went to another host is not defined any more.
    /// </summary>
    /// <exception cref="QmpException">HostUnreachable, or Refused with libvirt's words.</exception>
    public static async Task<bool> IsOffAsync(LibvirtAddress address, CancellationToken ct)
    {
        var connection = await LibvirtConnection.OfAsync(address, ct);
        return await Task.Factory.StartNew(() =>
        {
            try
            {
                using var domain = LibvirtDomain.Find(connection, address);
                return !domain.IsActive;
            }
            catch (QmpException e) when (e.Fault == QmpFault.Unreachable)
            {
                return false;
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(ct);
    }

    /// <summary>Starts a domain that is off, as its definition says; one that runs is left alone.</summary>
    /// <exception cref="QmpException">
    /// HostUnreachable, Unreachable (no such domain), Refused with libvirt's words.
    /// </exception>
    public static async Task StartAsync(LibvirtAddress address, CancellationToken ct)
    {
        var connection = await LibvirtConnection.OfAsync(address, ct);
        // Starting takes as long as it takes, and is not undone by who waits no longer.
        await Task.Factory.StartNew(() =>
        {
            using var domain = LibvirtDomain.Find(connection, address);
            domain.Start();
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(ct);
    }
}
