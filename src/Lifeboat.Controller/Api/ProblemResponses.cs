// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Api;

/// <summary>Every refusal leaves as problem details (RFC 9457) with its reason; what nobody foresaw too.</summary>
internal sealed partial class ProblemResponses(ILogger<ProblemResponses> logger)
{
    /// <summary>In HttpContext.Items: the methods that a path takes, for `Allow` beside a refused one.</summary>
    public const string AllowKey = "lifeboat.allow";

    public async Task<ReasonCode> AnswerAsync(HttpContext context, Func<Task> next)
    {
        try
        {
            await next();
            // The framework answers this one itself, with nothing but the status.
            return context.Response is { HasStarted: false, StatusCode: StatusCodes.Status413PayloadTooLarge }
                ? await WriteAsync(context, TooLong(null)) : ReasonCode.None;
        }
        catch (ProblemException e)
        {
            return await WriteAsync(context, e);
        }
        catch (BadHttpRequestException e)
        {
            return await WriteAsync(context, Unreadable(e));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            AuditTrail.HungUp(context);
            return ReasonCode.None;
        }
        catch (DbException e) when (ControllerDatabase.IsUnavailable(e))
        {
            return await WriteAsync(context, new ProblemException(ReasonCode.DatabaseUnavailable,
                "the controllers' database went away while this was done", $"{e.Message}. Look whether it was done, "
                + "then ask again.", cause: e));
        }
        // The top of a request: logged whole, answered without the details.
        catch (Exception e)
        {
            LogRequestFailed(e, context.Request.Method, context.Request.Path);
            return await WriteAsync(context, new ProblemException(ReasonCode.Unexpected,
                "the controller failed to do this", $"{e.GetType().Name}; its log says more", cause: e));
        }
    }

    private static ProblemException Unreadable(BadHttpRequestException e) => e.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => TooLong(e),
        StatusCodes.Status415UnsupportedMediaType => new ProblemException(ReasonCode.MediaTypeUnsupported,
            "the body is to be application/json", e.Message, cause: e),
        _ => new ProblemException(ReasonCode.InvalidRequest, "the request cannot be read",
            e.InnerException is JsonException json ? json.Message : e.Message, cause: e),
    };

    private static ProblemException TooLong(Exception? cause) => new(ReasonCode.RequestTooLarge,
        "the body is too long", $"The limit is {ControllerHost.BodyMax} bytes.", cause: cause);

    private static async Task<ReasonCode> WriteAsync(HttpContext context, ProblemException e)
    {
        if (context.Response.HasStarted) return e.Reason;
        var status = ProblemStatus.Of(e.Reason);
        context.Response.Clear();
        context.Response.StatusCode = status;
        if (context.Items[AllowKey] is string allow) context.Response.Headers.Allow = allow;
        if (status == StatusCodes.Status401Unauthorized) context.Response.Headers.WWWAuthenticate = "Bearer";
        await context.Response.WriteAsJsonAsync(
            new Problem(e.Message, status, e.Detail, e.Reason, e.Errors, e.Faults, context.TraceIdentifier),
            ContractJson.Options, "application/problem+json", context.RequestAborted);
        return e.Reason;
    }

    [LoggerMessage(EventIds.RequestFailed, LogLevel.Error, "{Method} {Path} failed")]
    private partial void LogRequestFailed(Exception cause, string method, string path);
}
