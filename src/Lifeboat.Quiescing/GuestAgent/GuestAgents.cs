// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;

namespace Lifeboat.Quiescing.GuestAgent;

/// <summary>Talking to a target's qemu-ga, its faults told as a provider's.</summary>
internal static class GuestAgents
{
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(3);

    /// <exception cref="QuiesceProviderException">Gone: the instance has none, which holds nothing.</exception>
    public static GuestAgentClient Client(QuiesceTarget target, TimeSpan commandLimit) =>
        target.GuestAgentSocket is { } socket
            ? new(socket, new QmpOptions { ConnectLimit = ConnectLimit, CommandLimit = commandLimit }, target.Time)
            : throw new QuiesceProviderException(ProviderFault.Gone, "it has no guest agent");

    public static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (QmpException e)
        {
            throw new QuiesceProviderException(e.Fault switch
            {
                QmpFault.Unreachable or QmpFault.Closed => ProviderFault.Gone,   // no QEMU, no guest
                QmpFault.Timeout or QmpFault.Busy or QmpFault.HostUnreachable => ProviderFault.Timeout,
                QmpFault.Refused or QmpFault.Protocol => ProviderFault.Refused,
            }, e.Message, e);
        }
    }
}
