// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Replicas;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Api;

/// <summary>Turns what a request ended with into problem details with a reason.</summary>
internal static partial class Problems
{
    public static async ValueTask<object?> FilterAsync(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (OperationCanceledException) when (context.HttpContext.RequestAborted.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)   // the top of a request
        {
            var problem = Of(e);
            if (problem.Reason == ReasonCode.Unexpected)
                LogUnexpected(context.HttpContext.RequestServices.GetRequiredService<ILoggerFactory>()
                    .CreateLogger(typeof(Problems)), e, context.HttpContext.Request.Path);
            return Results.Json(problem, ContractJson.Options, "application/problem+json", problem.Status);
        }
    }

    /// <summary>The body of a bad request that never reached an endpoint (no JSON, a missing field).</summary>
    public static Problem BadRequest(string message) => new("the request cannot be read",
        ProblemStatus.Of(ReasonCode.InvalidRequest), message, ReasonCode.InvalidRequest);

    /// <exception cref="ProblemException">The body is about another group than the address.</exception>
    public static T Named<T>(T body, string inBody, string inAddress) => inBody == inAddress
        ? body
        : throw new ProblemException(ReasonCode.InvalidRequest,
            $"the body is about group '{inBody}', the address about '{inAddress}'");

    public static Problem Of(Exception e)
    {
        var (reason, detail, errors) = e switch
        {
            ProblemException p => (p.Reason, p.Detail, p.Errors),
            TapException t => (ReasonOf(t.Fault), null, null),
            StorageException { Fault: StorageFault.Full } => (ReasonCode.TargetFull, null, null),
            ReplicaStoreException r => (ReasonOf(r.Fault), null, null),
            ReplicaException r => (ReasonOf(r.Fault), null, null),
            OperationCanceledException => (ReasonCode.Timeout, null, null),
            _ => (ReasonCode.Unexpected, (string?)$"{e.GetType().Name}", (IReadOnlyList<string>?)null),
        };
        return new Problem(e.Message, ProblemStatus.Of(reason), detail, reason, errors);
    }

    private static ReasonCode ReasonOf(TapFault fault) => fault switch
    {
        TapFault.InstanceGone or TapFault.MonitorUnreachable => ReasonCode.MonitorUnreachable,
        TapFault.DiskNotFound => ReasonCode.VolumeUnknown,
        TapFault.Refused => ReasonCode.CaptureLost,
        TapFault.SizeChanged => ReasonCode.InvalidRequest,
    };

    private static ReasonCode ReasonOf(ReplicaStoreFault fault) => fault switch
    {
        ReplicaStoreFault.TargetTooSmall => ReasonCode.TargetTooSmall,
        ReplicaStoreFault.TargetMissing or ReplicaStoreFault.SeedUnreadable => ReasonCode.InvalidRequest,
        ReplicaStoreFault.Full => ReasonCode.TargetFull,
        ReplicaStoreFault.Unavailable => ReasonCode.StoreUnavailable,
    };

    private static ReasonCode ReasonOf(ReplicaFault fault) => fault switch
    {
        ReplicaFault.DefinitionChanged or ReplicaFault.ViewConflict => ReasonCode.Conflict,
        ReplicaFault.SequenceUnknown or ReplicaFault.PointUnknown => ReasonCode.PointUnknown,
        ReplicaFault.VolumeUnknown => ReasonCode.VolumeUnknown,
        ReplicaFault.Corrupt => ReasonCode.JournalCorrupt,
        ReplicaFault.EpochWouldFall => ReasonCode.StaleEpoch,
        ReplicaFault.Damaged => ReasonCode.ReplicaDamaged,
    };

    [LoggerMessage(EventIds.RequestFailed, LogLevel.Error, "Request {Path} failed")]
    private static partial void LogUnexpected(ILogger logger, Exception e, string path);
}
