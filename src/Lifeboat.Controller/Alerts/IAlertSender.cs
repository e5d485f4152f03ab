// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Controller.Alerts;

/// <summary>Takes a message to a target of one kind, once.</summary>
internal interface IAlertSender
{
    AlertTargetKind Kind { get; }

    /// <param name="secret">Of the target, open; null: it has none.</param>
    /// <exception cref="DeliveryException">It was not taken.</exception>
    Task SendAsync(AlertTargetRequest target, string? secret, AlertMessage message, CancellationToken ct);
}

/// <param name="message">What the target or the way to it said; never a secret.</param>
/// <param name="worthRetrying">False: said again it would be refused again.</param>
internal sealed class DeliveryException(string message, bool worthRetrying, Exception? cause = null)
    : Exception(message, cause)
{
    public bool WorthRetrying => worthRetrying;
}
