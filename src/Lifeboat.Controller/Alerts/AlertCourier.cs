// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Leases;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Lifeboat.Controller.Alerts;

/// <summary>Takes alerts to their targets: at least once, and never for ever.</summary>
internal sealed partial class AlertCourier(AlertDeliveries deliveries, AlertTargets targets, TargetSecrets secrets,
    IEnumerable<IAlertSender> senders, ILeases leases, TimeProvider time,
    ILogger<AlertCourier> logger) : Courier(leases, "alert-delivery")
{
    private static readonly TimeSpan AttemptLimit = TimeSpan.FromSeconds(15);

    private readonly Dictionary<AlertTargetKind, IAlertSender> _senders = senders.ToDictionary(s => s.Kind);
    private readonly ResiliencePipeline _soon = new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = 2,
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromMilliseconds(500),
            UseJitter = true,
            ShouldHandle = new PredicateBuilder().Handle<TimeoutRejectedException>()
                .Handle<DeliveryException>(e => e.WorthRetrying),
        })
        .AddTimeout(AttemptLimit)
        .Build();

    /// <summary>Tries all that is due once; a target that does not take one is not asked for the next.</summary>
    public override async Task RoundAsync(CancellationToken ct)
    {
        var known = targets.All().ToDictionary(t => t.Name);
        await Task.WhenAll(deliveries.Due(time.GetUtcNow()).GroupBy(d => d.Delivery.Target).Select(async waiting =>
        {
            foreach (var (delivery, message) in waiting)
                if (!await DeliverAsync(known.GetValueOrDefault(waiting.Key), delivery, message, ct)) return;
        }));
    }

    protected override Task PauseAsync(CancellationToken ct) => deliveries.NewsAsync(Look, ct);

    protected override void LogFailed(Exception cause) => LogRoundFailed(cause);

    private async Task<bool> DeliverAsync(AlertTarget? target, AlertDelivery delivery, AlertMessage message,
        CancellationToken ct)
    {
        var error = target is null ? "the target is gone" : await TryAsync(target, message, ct);
        var attempts = delivery.Attempts + 1;
        var dead = target is null || attempts > AlertDeliveries.Pauses.Count;
        deliveries.Save(delivery with
        {
            Attempts = attempts,
            Error = error,
            State = error is null ? DeliveryState.Delivered : dead ? DeliveryState.Dead : DeliveryState.Waiting,
            NextAt = error is null || dead ? null : time.GetUtcNow() + AlertDeliveries.Pauses[attempts - 1],
        });
        if (error is null) return true;
        if (dead) LogGivenUp(delivery.Alert, delivery.Target, attempts, error);
        else LogNotDelivered(delivery.Alert, delivery.Target, error);
        return false;
    }

    private async Task<string?> TryAsync(AlertTarget target, AlertMessage message, CancellationToken ct)
    {
        try
        {
            var secret = target.Settings.Secret is { } text ? secrets.Open(text, target.Name) : null;
            await _soon.ExecuteAsync(async token =>
                await _senders[target.Settings.Kind].SendAsync(target.Settings, secret, message, token), ct);
            return null;
        }
        // Whatever goes wrong on the way to a target is shown with the delivery, and counts as an attempt: one that
        // nobody foresaw would else be tried for ever, and never be seen.
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            return e switch
            {
                TimeoutRejectedException => $"no answer within {AttemptLimit.TotalSeconds:0} s",
                DeliveryException or ProblemException => e.Message,
                _ => $"{e.GetType().Name}: {e.Message}",
            };
        }
    }

    [LoggerMessage(EventIds.AlertNotDelivered, LogLevel.Warning,
        "Alert {Alert} was not delivered to {Target} and is tried again: {Error}")]
    private partial void LogNotDelivered(Guid alert, string target, string error);

    [LoggerMessage(EventIds.AlertGivenUp, LogLevel.Error,
        "Alert {Alert} was not delivered to {Target} in {Attempts} attempts and is given up: {Error}")]
    private partial void LogGivenUp(Guid alert, string target, int attempts, string error);

    [LoggerMessage(EventIds.DeliveryRoundFailed, LogLevel.Error, "A round of delivering alerts failed")]
    private partial void LogRoundFailed(Exception cause);
}
