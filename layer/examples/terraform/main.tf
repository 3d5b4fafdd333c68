# One function of each kind with Merlon in front of it.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "merlon_layer" {
  description = "ARN of the layer version for the functions' architecture, from layers.json"
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[a-zA-Z0-9_-]+:[0-9]+$", var.merlon_layer))
    error_message = "Want the ARN of a layer version, with its number at the end."
  }
}

variable "role" {
  description = "ARN of the functions' execution role; Merlon needs nothing beyond AWSLambdaBasicExecutionRole"
  type        = string
}

# A managed runtime: Lambda starts the wrapper, the wrapper starts Python.
resource "aws_lambda_function" "orders" {
  function_name = "orders"
  role          = var.role
  runtime       = "python3.14"
  handler       = "app.handler"
  filename      = "orders.zip"
  architectures = ["arm64"]
  memory_size   = 256
  timeout       = 10
  layers        = [var.merlon_layer]

  environment {
    variables = {
      AWS_LAMBDA_EXEC_WRAPPER = "/opt/merlon-wrapper"
      MERLON_MODE             = "monitor"
      MERLON_ON_FAULT         = "open"
    }
  }
}

# provided.*: the package was made with merlon layer wrap payments.zip.
resource "aws_lambda_function" "payments" {
  function_name = "payments"
  role          = var.role
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  filename      = "payments-merlon.zip"
  architectures = ["arm64"]
  memory_size   = 256
  timeout       = 10
  layers        = [var.merlon_layer]

  environment {
    variables = {
      MERLON_MODE     = "block"
      MERLON_ON_FAULT = "closed"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "unprotected" {
  for_each = toset([aws_lambda_function.orders.function_name, aws_lambda_function.payments.function_name])

  alarm_name          = "${each.key}-unprotected"
  alarm_description   = "The function runs without Merlon although it was asked for."
  namespace           = "Merlon"
  metric_name         = "Unprotected"
  dimensions          = { function = each.key }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
}
