package agent

import (
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/merlon-security/merlon/internal/config"
)

// NewLogger makes the logger of Merlon's own lines: JSON with the two fields,
// timestamp and level, by which Lambda's JSON log format sorts and filters
// (AWS Lambda, "Configuring JSON and plain text log formats").
func NewLogger(out io.Writer, level config.LogLevel) *zap.Logger {
	enc := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "timestamp", LevelKey: "level", MessageKey: "message", NameKey: "logger",
		EncodeLevel:    zapcore.CapitalLevelEncoder,
		EncodeDuration: zapcore.MillisDurationEncoder,
		EncodeTime: func(t time.Time, e zapcore.PrimitiveArrayEncoder) {
			e.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z"))
		},
	})
	return zap.New(zapcore.NewCore(enc, zapcore.AddSync(out), zapLevel(level)), zap.Fields(zap.String("schema", "merlon.log/1")))
}

func zapLevel(l config.LogLevel) zapcore.Level {
	switch l {
	case config.LogDebug:
		return zapcore.DebugLevel
	case config.LogWarn:
		return zapcore.WarnLevel
	case config.LogError:
		return zapcore.ErrorLevel
	}
	return zapcore.InfoLevel
}
